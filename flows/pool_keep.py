"""pool-keep: a pool that is never deleted for being idle, or no longer one."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.idle import mark_kept
from tasks.operation import look, operation, run_name
from tasks.outcome import conclude
from tasks.wanted import require_pool, require_workers


@flow(name="pool-keep", flow_run_name=run_name)
async def pool_keep(pool: str | None = None, keep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 # a tick box in the UI
    """Exempt a pool from being deleted after lying paused for two weeks.

    Args:
        pool: pool name; WAA_POOL by default.
        keep: False ends the exemption.

    Returns:
        The pool's status, as `pool-status --json` shows it.

    Raises:
        NotFoundError: there is no such pool, or only parts of one.
    """
    async with operation(pool) as session:
        observed = require_workers(require_pool(await look(session)))
        await mark_kept(observed, keep=keep)
        return await conclude("kept")
