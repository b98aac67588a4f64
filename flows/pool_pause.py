"""pool-pause: Windows off in order, every VM deallocated, power states read back."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.down import bring_down
from tasks.operation import look, operation, run_name
from tasks.outcome import conclude_down
from tasks.reconcile import each
from tasks.wanted import require_pool
from vmpool.lifetime import is_due
from vmpool.plan import plan_pause
from vmpool.status import document


@flow(name="pool-pause", flow_run_name=run_name)
async def pool_pause(
    pool: str | None = None,
    only_if_due: bool = False,  # noqa: FBT001, FBT002 # a tick box in the UI
    is_over_budget: bool = False,  # noqa: FBT001, FBT002 # same
) -> dict[str, Any]:
    """Pause a pool; running it again finishes the job of one that failed half way.

    Args:
        pool: pool name; WAA_POOL by default.
        only_if_due: pause only if its time is up, and nobody works on it: as auto-pause does.
        is_over_budget: pause though its time is not up, unless somebody works on it: likewise.

    Returns:
        The pool's status, as `pool-status --json` shows it.

    Raises:
        NotFoundError: there is no such pool; if asked whether it is due, it isn't.
        LockedError: another operation works on it and did not let go in time.
        VmPoolError: a worker is not deallocated; it may still be billed.
    """
    async with operation(pool) as session:
        observed = await look(session)
        if only_if_due and not is_over_budget and not is_due(observed, session.clock.now()):
            return document(observed)
        actions = plan_pause(require_pool(observed))
        return await conclude_down(await each(actions, bring_down))
