"""The frame of every operation on a pool: session, lock, identity, and the report at the end.

A flow's body stands inside `async with operation(...)` and reads as its phases.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

import anyio
from prefect import get_client, runtime
from prefect.logging import get_run_logger

from tasks import evidence, ledgers
from tasks.credentials import connected
from tasks.events import emit_pool_event, log_phase, phase_listener
from tasks.history import earlier_runs
from tasks.locking import pool_lock
from tasks.progress import Progress, kept
from tasks.report import publish
from tasks.session import Session, entered, listeners
from vmpool.arm.machines import observe
from vmpool.errors import VmPoolError
from vmpool.forecast import Forecast, Live
from vmpool.guest.keys import check_client_key
from vmpool.model import Observed, PowerState
from vmpool.plan import check_identity
from vmpool.settings import Settings, check_pool_name, load_settings
from vmpool.timing import Recorder

ASKS_FOR_UNKNOWN = 3
"""How often a missing power state is asked for: Azure sometimes omits it for a moment."""
UNKNOWN_CLOUD_SECONDS = 3.0
"""That moment."""
_patience: ContextVar[float | None] = ContextVar("patience", default=None)


def run_name() -> str:
    """Name of a flow run in the UI: what is done to which pool."""
    pool = runtime.flow_run.parameters.get("pool") or load_settings().pool
    return f"{runtime.flow_run.flow_name} {pool}"


@contextmanager
def impatient(wall_seconds: float) -> Iterator[None]:
    """Have operations of flows that are called in the block wait less long for another one.

    Args:
        wall_seconds: how long; otherwise it is the settings' lock timeout.
    """
    token = _patience.set(wall_seconds)
    try:
        yield
    finally:
        _patience.reset(token)


@asynccontextmanager
async def operation(pool: str | None, settings: Settings | None = None) -> AsyncIterator[Session]:
    """One operation on one pool, from lock to report.

    Args:
        pool: pool name; the settings' when None.
        settings: read from the environment when None.

    Raises:
        UsageError: no usable pool name or SSH key.
        VmPoolError: whatever the operation raised; its timings are published all the same.
    """
    settings = settings or load_settings()
    name = check_pool_name(pool or settings.pool)
    check_client_key(settings.key_file, is_named=settings.ssh_key_file is not None)
    await tag_run(name)
    async with pool_lock(name, _patience.get() or settings.lock_timeout_seconds):
        history = await earlier_runs()
        forecast = Forecast(history, _flow(), name)
        with entered(await _session(settings, name, forecast)) as session:
            try:
                async with kept(Progress(_flow(), session, session.live, forecast)):
                    yield session
            except Exception as error:
                _log_last_words(error)
                emit_pool_event(name, "failed", {"flow": _flow(), "error": str(error)})
                raise
            finally:
                await publish(_flow(), session, history, await evidence.finish())


def _log_last_words(error: Exception) -> None:
    """Say why the run fails; marked, because a command line prints what it raises anyway."""
    is_unforeseen = not isinstance(error, VmPoolError)
    get_run_logger().error("%s", error, exc_info=is_unforeseen, extra={"is_last_words": True})


def _flow() -> str:
    return str(runtime.flow_run.flow_name)


async def _session(settings: Settings, pool: str, forecast: Forecast) -> Session:
    cloud, live = await connected(settings), Live()
    cloud.preload()
    told = (*listeners.get(), live.listen, phase_listener(pool), log_phase)
    recorder = Recorder(cloud.clock, told)
    return Session(settings, cloud, pool, recorder, live, forecast)


async def tag_run(pool: str) -> None:
    """Tag the run with its pool, so that runs of a pool are found together."""
    tags = {*runtime.flow_run.tags, f"pool:{pool}"}
    async with get_client() as client:
        await client.update_flow_run(runtime.flow_run.id, tags=sorted(tags))


async def look(session: Session) -> Observed:
    """The pool as it is now, its identity checked; sets the session's pool id and addresses.

    Raises:
        PermanentError: resources of two pools carry the same name.
    """
    observed = await session.insist(observe, session.cloud, session.pool)
    for _ in range(ASKS_FOR_UNKNOWN - 1):
        if all(w.power_state is not PowerState.UNKNOWN for w in observed.workers):
            break
        await anyio.sleep(session.clock.wall_seconds(UNKNOWN_CLOUD_SECONDS))
        observed = await session.insist(observe, session.cloud, session.pool)
    session.pool_id = session.pool_id or check_identity(observed) or str(uuid.uuid4())
    ledgers.see(session, observed.workers, observed.at)
    await ledgers.correct(session, observed)
    session.observed = observed = ledgers.informed(session, observed)
    session.first_look = session.first_look or observed
    for worker in observed.workers:
        session.regions[worker.name] = worker.place.region
        if worker.ip and worker.tags and worker.tags.host_key:
            session.set_address(worker.name, worker.ip, worker.tags.host_key)
    return observed
