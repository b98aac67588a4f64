"""pool-status: what a pool is now, as a run in the UI. Asks, changes nothing."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.operation import run_name
from tasks.survey import ask_status


@flow(name="pool-status", flow_run_name=run_name)
async def pool_status(pool: str | None = None) -> dict[str, Any]:
    """Ask Azure what a pool is.

    Args:
        pool: pool name; WAA_POOL by default.

    Returns:
        The status, as `oa-vm pool-status --json` shows it.
    """
    return await ask_status(pool)
