"""idle-cleanup: pools that lie paused are warned of and deleted, what nobody owns is removed."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow

from flows.pool_cleanup import pool_cleanup
from tasks.idle import look_for_idle_pools
from tasks.orphans import clear_orphans
from tasks.spending import note_spending_of_the_day
from vmpool.errors import NotFoundError, VmPoolError
from vmpool.idle import IdleVerb
from vmpool.sweep import sweep_document


@flow(name="idle-cleanup", flow_run_name="idle-cleanup")
async def idle_cleanup(dry_run: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 # a tick box in the UI
    """Warn of pools that lie paused, delete those that were warned of a day ago, remove orphans.

    Args:
        dry_run: say what would be done, do nothing.

    Returns:
        What was done about each pool and orphan, as `oa-vm idle-cleanup --json` shows it.

    Raises:
        VmPoolError: at least one pool or orphan could not be deleted.
    """
    if not dry_run:
        await note_spending_of_the_day()
    pools = await look_for_idle_pools(dry_run=dry_run)
    gone = [] if dry_run else [idle.pool for idle in pools if idle.verb is IdleVerb.DELETE]
    ended = await asyncio.gather(
        *(pool_cleanup(pool, only_if_idle=True) for pool in gone), return_exceptions=True
    )
    failures = [error for error in ended if isinstance(error, BaseException)]
    orphans = await clear_orphans(dry_run=dry_run)
    failures += [orphan.failure for orphan in orphans if orphan.failure]
    real = [error for error in failures if not isinstance(error, NotFoundError)]
    if real:
        raise VmPoolError("; ".join(str(error) or type(error).__name__ for error in real))
    return sweep_document(pools, orphans)
