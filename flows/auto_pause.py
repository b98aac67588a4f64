"""auto-pause: pauses every pool whose time is up, and warns before. Runs on a schedule."""

from __future__ import annotations

import asyncio

from prefect import flow
from prefect.logging import get_run_logger

from flows.pool_pause import pool_pause
from tasks.budgeting import pools_over_budget
from tasks.guarding import look_after_pools
from tasks.locking import locked_pools, named
from tasks.operation import impatient
from vmpool.errors import LockedError, VmPoolError

PATIENCE_WALL_SECONDS = 5.0
"""For a pool that somebody takes meanwhile: the schedule soon asks again."""


@flow(name="auto-pause", flow_run_name="auto-pause")
async def auto_pause() -> list[str]:
    """Pause every pool that is due, all at once; one that fails holds up no other.

    With a budget that is used up, every pool that is billed is due, whatever holds it: money first.

    A pool that an operation is working on is left to the next run: while this one waited, no other
    would come, and pools that become due meanwhile would go on costing.

    Returns:
        Names of the pools that were due.

    Raises:
        VmPoolError: at least one due pool is not paused; the message names them.
    """
    due = await look_after_pools()
    over = await pools_over_budget()
    due = sorted({*due, *over})
    free = await _free(due)
    with impatient(PATIENCE_WALL_SECONDS):
        ended = await asyncio.gather(
            *(pool_pause(pool, only_if_due=True, is_over_budget=pool in over) for pool in free),
            return_exceptions=True,
        )
    failures = []
    for pool, end in zip(free, ended, strict=True):
        if isinstance(end, LockedError):
            get_run_logger().warning("%s; the next run sees to it", end)
        elif isinstance(end, BaseException):
            failures.append(f"{pool}: {str(end) or type(end).__name__}")
    if failures:
        raise VmPoolError(f"{len(failures)} of {len(due)} not paused: {'; '.join(failures)}")
    return due


async def _free(pools: list[str]) -> list[str]:
    """Those whose lock is not taken: a pause that is going on is no failure of another."""
    locked = await locked_pools() if pools else {}
    for pool in pools:
        if pool in locked:
            who = named(locked[pool])
            get_run_logger().info("Pool %s is held by %s; the next run sees to it", pool, who)
    return [pool for pool in pools if pool not in locked]
