"""Azure's own timers in an operation: set while a VM comes up, moved, taken back when it is down.

None of it holds an operation up or fails it: what could not be set is in the VM's tag, in the log
and in `pool-status`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from prefect.logging import get_run_logger

from tasks.session import Session, current
from vmpool import deadlines, lifetime, tags
from vmpool.arm import server_guard
from vmpool.errors import VmPoolError
from vmpool.guards import ServerTimer, TimerKind
from vmpool.model import Observed, Worker


def moment(session: Session, pause_at: datetime) -> datetime:
    """When Azure's own timer shall act for a pool that is due at `pause_at`."""
    grace = timedelta(minutes=session.settings.server_grace_minutes)
    return deadlines.server_deadline(pause_at, grace)


@asynccontextmanager
async def arming(worker: str, region: str, pause_at: datetime) -> AsyncIterator[None]:
    """Set a worker's timer while Azure brings it up in the block; recorded when that has ended.

    Not recorded earlier, because Azure refuses to change what it is moving.

    Args:
        worker: worker name.
        region: where it is.
        pause_at: when its pool is due (cloud time).
    """
    session = current()
    setting = asyncio.ensure_future(_set(session, worker, region, pause_at))
    try:
        yield
    finally:
        await _record(session, worker, region, await setting)


async def rearm(worker: str, pause_at: datetime) -> None:
    """Move the timer of a worker that runs."""
    session = current()
    region = session.regions[worker]
    await _record(session, worker, region, await _set(session, worker, region, pause_at))


async def _set(session: Session, worker: str, region: str, pause_at: datetime) -> ServerTimer:
    owner = tags.part_tags(session.pool, session.pool_id)
    at = moment(session, pause_at)
    found = await session.commit(
        server_guard.set_timers, session.cloud, region, [worker], at, owner
    )
    timer = found[worker]
    session.timers.setdefault(worker, []).extend(timer.ids)
    if timer.kind is TimerKind.NONE:
        get_run_logger().warning(
            "%s has no timer on Azure's side (%s): if Prefect ends, nothing pauses it",
            worker,
            timer.reason,
        )
    return timer


async def _record(session: Session, worker: str, region: str, timer: ServerTimer) -> None:
    try:
        earlier = list(session.timers.get(worker, ()))
        await session.insist(server_guard.record, session.cloud, region, worker, timer, earlier)
    except VmPoolError as error:
        get_run_logger().warning("%s: its timer could not be recorded: %s", worker, error)
    else:
        session.timers[worker] = list(timer.ids)


async def move(observed: Observed, pause_at: datetime) -> None:
    """Move the timers of all workers that run, in one request per region.

    Args:
        observed: the pool.
        pause_at: when it is due now (cloud time).
    """
    session = current()
    await session.commit(
        server_guard.arm,
        session.cloud,
        _running(observed.workers),
        moment(session, pause_at),
        tags.part_tags(session.pool, session.pool_id),
    )


def _running(workers: Iterable[Worker]) -> dict[str, str]:
    """Regions of the workers that are billed, by name."""
    ours = (w for w in workers if w.tags and lifetime.is_costing(w))
    return {worker.name: worker.place.region for worker in ours}


async def disarm(worker: str) -> None:
    """Take the timers of a worker back that is deallocated."""
    session = current()
    try:
        await session.insist(
            server_guard.clear,
            session.cloud,
            session.regions.get(worker, ""),
            worker,
            session.timers.pop(worker, []),
        )
    except VmPoolError as error:
        _say_left(worker, error)


async def disarm_gone(worker: str, timer: ServerTimer | None) -> None:
    """Take the timers of a worker back whose VM is deleted.

    Args:
        worker: worker name.
        timer: what its tag said.
    """
    session = current()
    region, earlier = session.regions.get(worker, ""), session.timers.pop(worker, [])
    try:
        await session.insist(server_guard.take_back, session.cloud, region, worker, timer, earlier)
    except VmPoolError as error:
        _say_left(worker, error)


def _say_left(worker: str, error: VmPoolError) -> None:
    get_run_logger().warning("%s: its timer on Azure's side was not taken back: %s", worker, error)
