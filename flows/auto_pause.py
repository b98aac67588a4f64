"""auto-pause: pauses every pool whose time is up, on the cloud's clock. Runs on a schedule."""

from __future__ import annotations

from prefect import flow

from flows.pool_pause import pool_pause
from tasks.survey import list_due_pools
from vmpool.errors import VmPoolError


@flow(name="auto-pause")
async def auto_pause() -> list[str]:
    """Pause every pool that is due; one that fails does not keep the others running.

    Returns:
        Names of the pools that were due.

    Raises:
        VmPoolError: at least one due pool is not paused.
    """
    due = await list_due_pools()
    failures: list[str] = []
    for pool in due:
        try:
            await pool_pause(pool)
        except VmPoolError as error:
            failures.append(str(error))
    if failures:
        raise VmPoolError("; ".join(failures))
    return due
