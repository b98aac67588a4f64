"""A pool for the length of a block: brought up, held, and paused at the end however it ends.

Not a flow itself: `pool-eval` stands on it, and so may flows of your own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from prefect import runtime
from prefect.logging import get_run_logger

from flows.pool_create import pool_create
from flows.pool_pause import pool_pause
from flows.pool_resume import pool_resume
from tasks.events import causing
from tasks.handover import check_not_taken, handed_over, made_due
from tasks.leases import Held, holder_of, lease
from tasks.operation import tag_run
from tasks.readiness import Hear, heard_when_ready
from tasks.survey import ask_status
from tasks.uncut import call_uncut, ended
from vmpool.errors import LockedError, NotFoundError, UsageError, VmPoolError
from vmpool.guest.connection import Address
from vmpool.guest.tunnels import Tunnels
from vmpool.guest.windows import VIEWER_PORT, WAA_PORT
from vmpool.imaging import AUTO
from vmpool.model import PoolState
from vmpool.naming import worker_index
from vmpool.settings import check_pool_name, load_settings


@dataclass(frozen=True)
class ReadyWorker:
    """A worker whose WAA server answers, and tunnels to it that reconnect by themselves.

    Attributes:
        name: worker name.
        index: its number in the pool.
        endpoint: WAA's server, `http://127.0.0.1:PORT`.
        desktop: Windows' desktop for a browser, likewise.
    """

    name: str
    index: int
    endpoint: str
    desktop: str


@dataclass(frozen=True)
class Wish:
    """How a pool shall be brought up, and left.

    Attributes:
        pool: pool name.
        workers: how many; those it has when None, or one if there is none.
        min_ready: how many have to be ready; all when None.
        auto_pause_hours: hours until auto-pause; the settings' when None.
        image: golden image of new workers.
        pause_after: whether it is due once its lease is given back.
    """

    pool: str
    workers: int | None = None
    min_ready: int | None = None
    auto_pause_hours: float | None = None
    image: str = AUTO
    pause_after: bool = True


@asynccontextmanager
async def ready_pool(
    pool: str | None = None,
    workers: int | None = None,
    *,
    min_ready: int | None = None,
    auto_pause_hours: float | None = None,
    pause_after: bool = True,
) -> AsyncIterator[list[ReadyWorker]]:
    """A pool that is ready for as long as the block runs. Use it inside a flow.

    Resumes the pool, or creates it; holds its lease, so that auto-pause waits; opens tunnels; and
    pauses it at the end, also when the block fails or is cancelled.

    Args:
        pool: pool name; WAA_POOL when None.
        workers: how many; those it has when None, or one if there is none.
        min_ready: how many have to be ready; all when None. Only ready ones are yielded.
        auto_pause_hours: hours until auto-pause if the flow is killed; the settings' when None.
        pause_after: pause the pool at the end.

    Raises:
        LockedError: somebody else works on the pool; it is left as it is.
        VmPoolError: too few workers became ready, or the pause failed: it may still be billed.
    """
    name = check_pool_name(pool or load_settings().pool)
    ready: dict[str, Address] = {}
    wish = Wish(name, workers, min_ready, auto_pause_hours, pause_after=pause_after)
    async with paused_after(name, is_wanted=pause_after), held_up(wish, ready.__setitem__):
        tunnels = Tunnels()
        try:
            await call_uncut(tunnels.open, ready, [WAA_PORT, VIEWER_PORT])
            for worker, error in tunnels.failures.items():
                get_run_logger().error("%s can't be reached: %s", worker, error)
            yield [
                ReadyWorker(worker, worker_index(worker), f"http://{local[WAA_PORT]}",
                            f"http://{local[VIEWER_PORT]}")
                for worker, local in sorted(tunnels.local.items())
            ]  # fmt: skip
        finally:
            await call_uncut(tunnels.close)


@asynccontextmanager
async def held_up(wish: Wish, hear: Hear) -> AsyncIterator[Held]:
    """A pool that is brought up, and whose lease is held for the block.

    Args:
        wish: what it shall be.
        hear: told of each worker the moment it is ready, while others still boot.

    Raises:
        LockedError: somebody else holds the pool.
        VmPoolError: too few workers became ready.
    """
    await tag_run(wish.pool)
    holder = holder_of(str(runtime.flow_run.name), str(runtime.flow_run.id))
    status = await ask_status(wish.pool)
    async with AsyncExitStack() as stack:
        is_there = bool(status["workers"])
        if is_there:
            held = await stack.enter_async_context(_leased(wish, holder))
        with causing(str(runtime.flow_run.flow_name)), heard_when_ready(hear):
            await _bring_up(wish, is_absent=status["state"] == PoolState.ABSENT)
        if not is_there:  # a lease is kept in the tags of VMs
            held = await stack.enter_async_context(_leased(wish, holder))
        yield held


@asynccontextmanager
async def _leased(wish: Wish, holder: str) -> AsyncIterator[Held]:
    """Hold the lease; what comes after it may be killed, so the pool is due before that."""
    async with lease(wish.pool, holder) as held:
        is_due = wish.pause_after
        try:
            yield held
        except (LockedError, UsageError):
            is_due = False
            raise
        finally:
            if is_due:
                await made_due(wish.pool)


async def _bring_up(wish: Wish, *, is_absent: bool) -> None:
    if wish.workers is None and not is_absent:
        await pool_resume(wish.pool, wish.auto_pause_hours, wish.min_ready)
        return
    await pool_create(
        wish.pool,
        wish.workers or 1,
        auto_pause_hours=wish.auto_pause_hours,
        min_ready=wish.min_ready,
        image=wish.image,
    )


@asynccontextmanager
async def paused_after(pool: str, *, is_wanted: bool) -> AsyncIterator[None]:
    """Pause a pool after the block, however that ends, unless somebody else works on the pool.

    A run that is cancelled in Prefect starts another one for it, see `tasks.handover`.

    Args:
        pool: pool name.
        is_wanted: otherwise it is left to its timer.

    Raises:
        VmPoolError: it is not paused and may still be billed; when the block raised an error, that
            is raised instead, and this is logged.
    """
    try:
        yield
    except (LockedError, UsageError):
        raise
    except BaseException:
        if is_wanted:
            await _uncut(pool, _pause_at_the_end(pool))
        raise
    if is_wanted:
        await _uncut(pool, _pause(pool))


async def _pause(pool: str) -> None:
    try:
        await check_not_taken(pool)
    except LockedError as error:
        get_run_logger().warning("Pool %s is left as it is: %s", pool, error)
        return
    except VmPoolError as error:
        get_run_logger().warning("Nobody knows whether pool %s is ours: %s", pool, error)
    with causing(str(runtime.flow_run.flow_name)):
        await pool_pause(pool)


async def _pause_at_the_end(pool: str) -> None:
    try:
        if not await handed_over(pool):
            await _pause(pool)
    except NotFoundError:
        get_run_logger().info("There is no pool %s to pause", pool)
    except VmPoolError as error:
        get_run_logger().error(  # known, and not what the run fails with
            "Pool %s is not paused and may still be billed: %s", pool, error
        )


async def _uncut(pool: str, pause: Coroutine[Any, Any, None]) -> None:
    """Pause to the end, also when we are cancelled meanwhile.

    SIGTERM, with which Prefect cancels, is worse: the event loop ends, and cancels every task that
    there is, the pause's too. Then it is begun anew, and handed over.
    """
    doing = asyncio.ensure_future(pause)
    cancelled = await ended(doing)
    if doing.cancelled() or not isinstance(doing.exception(), Exception | None):
        cancelled = await ended(asyncio.ensure_future(_pause_at_the_end(pool))) or cancelled
    doing.result()
    if cancelled:
        raise cancelled
