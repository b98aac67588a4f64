"""pool-resume: every worker of a pool to ready by the shortest path; the timer is re-armed."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.budgeting import check_budget
from tasks.operation import look, operation, run_name
from tasks.outcome import conclude_up
from tasks.reconcile import Outcome, bring_up, each
from tasks.wanted import require_pool, require_workers, spec_from
from vmpool.plan import Action, plan_resume


@flow(name="pool-resume", flow_run_name=run_name)
async def pool_resume(
    pool: str | None = None,
    auto_pause_hours: float | None = None,
    min_ready: int | None = None,
) -> dict[str, Any]:
    """Bring a paused pool to ready: deallocated, stopped and running workers alike.

    Args:
        pool: pool name; WAA_POOL by default.
        auto_pause_hours: hours until the pool is paused again; WAA_AUTO_PAUSE_HOURS by default.
        min_ready: how many workers must be ready for success; all by default.

    Returns:
        The pool's status, as `pool-status --json` shows it.

    Raises:
        NotFoundError: there is no such pool, or only parts of one.
        VmPoolError: too few workers became ready.
    """
    async with operation(pool) as session:
        observed = require_pool(await look(session))
        actions = plan_resume(require_workers(observed))
        spec = spec_from(
            session, len(actions), auto_pause_hours=auto_pause_hours, min_ready=min_ready
        )
        await check_budget((), observed.workers, spec.auto_pause_hours)

        async def up(action: Action) -> Outcome:
            return await bring_up(action, spec, None)

        return await conclude_up("resumed", spec.min_ready, await each(actions, up))
