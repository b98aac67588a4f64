"""auto-pause: pauses every pool whose time is up, on the cloud's clock. Runs on a schedule."""

from __future__ import annotations

import asyncio

from prefect import flow

from flows.pool_pause import pool_pause
from tasks.survey import list_due_pools
from vmpool.errors import VmPoolError


@flow(name="auto-pause", flow_run_name="auto-pause")
async def auto_pause() -> list[str]:
    """Pause every pool that is due, all at once; one that fails or waits holds up no other.

    Returns:
        Names of the pools that were due.

    Raises:
        VmPoolError: at least one due pool is not paused.
    """
    due = await list_due_pools()
    ended = await asyncio.gather(
        *(pool_pause(pool, only_if_due=True) for pool in due), return_exceptions=True
    )
    failures = [error for error in ended if isinstance(error, BaseException)]
    if failures:
        raise VmPoolError("; ".join(str(error) or type(error).__name__ for error in failures))
    return due
