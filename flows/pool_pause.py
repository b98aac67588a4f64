"""pool-pause: Windows off in order, every VM deallocated, power states read back."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.operation import look, operation, run_name
from tasks.outcome import conclude_down
from tasks.reconcile import bring_down, each
from tasks.wanted import require_pool
from vmpool.plan import plan_pause


@flow(name="pool-pause", flow_run_name=run_name)
async def pool_pause(pool: str | None = None) -> dict[str, Any]:
    """Pause a pool; running it again finishes the job of one that failed half way.

    Args:
        pool: pool name; WAA_POOL by default.

    Returns:
        The pool's status, as `pool-status --json` shows it.

    Raises:
        NotFoundError: there is no such pool.
        VmPoolError: a worker is not deallocated; it may still be billed.
    """
    async with operation(pool) as session:
        actions = plan_pause(require_pool(await look(session)))
        return await conclude_down(await each(actions, bring_down))
