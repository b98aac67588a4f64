"""pool-cleanup: every resource of a pool deleted, parts of interrupted creates included."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.budgeting import note_spending
from tasks.deletion import delete_network
from tasks.down import remove
from tasks.idle import may_delete
from tasks.operation import look, operation, run_name
from tasks.outcome import conclude_gone
from tasks.receipt import final_cost
from tasks.reconcile import each
from tasks.wanted import require_pool
from vmpool.plan import plan_cleanup
from vmpool.status import document


@flow(name="pool-cleanup", flow_run_name=run_name)
async def pool_cleanup(pool: str | None = None, only_if_idle: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 # a tick box in the UI
    """Delete a pool with all its data.

    Args:
        pool: pool name; WAA_POOL by default.
        only_if_idle: delete it only if it has been paused for long and was warned of; while we
            waited somebody may have resumed it.

    Returns:
        The pool's status, which is then absent.

    Raises:
        NotFoundError: there is no such pool.
        VmPoolError: something is left; the message names it.
    """
    async with operation(pool) as session:
        observed = require_pool(await look(session))
        if only_if_idle and not may_delete(observed, session.settings, session.clock.now()):
            return document(observed)
        actions = plan_cleanup(observed)
        await note_spending()
        outcomes = await each(actions, remove)
        if all(outcome.is_ok for outcome in outcomes):
            await final_cost()
            await delete_network(session.pool)
        return await conclude_gone(outcomes)
