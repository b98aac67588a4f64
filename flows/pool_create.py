"""pool-create: a pool from nothing, or the missing rest of one, brought to ready."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.logging import get_run_logger

from tasks.budgeting import check_budget
from tasks.capacity import find_capacity
from tasks.images import our_images
from tasks.operation import look, operation, run_name
from tasks.outcome import conclude_up
from tasks.reconcile import Outcome, bring_up, each
from tasks.wanted import spec_from
from vmpool.imaging import AUTO, from_image
from vmpool.model import Place
from vmpool.plan import Action, Verb, kept_as_they_are, plan_create


@flow(name="pool-create", flow_run_name=run_name)
async def pool_create(  # noqa: PLR0913, PLR0917 # the form in the UI
    pool: str | None = None,
    workers: int = 1,
    sizes: list[str] | None = None,
    regions: list[str] | None = None,
    auto_pause_hours: float | None = None,
    min_ready: int | None = None,
    image: str = AUTO,
) -> dict[str, Any]:
    """Create a pool and bring every worker to ready; running it again completes what is missing.

    Args:
        pool: pool name; WAA_POOL by default.
        workers: how many workers, 1 to 100.
        sizes: VM sizes, best first; WAA_SIZES by default.
        regions: Azure regions, best first; WAA_REGIONS by default.
        auto_pause_hours: hours until the pool is paused; WAA_AUTO_PAUSE_HOURS by default.
        min_ready: how many workers must be ready for success; all by default.
        image: golden image: auto takes the current one in its region, none bare Ubuntu, or a name.

    Returns:
        The pool's status, as `pool-status --json` shows it.

    Raises:
        VmPoolError: too few workers became ready.
    """
    async with operation(pool) as session:
        wanted = spec_from(session, workers, sizes, regions, auto_pause_hours, min_ready)
        spec = from_image(wanted, await our_images(), image)
        observed = await look(session)
        kept = kept_as_they_are(
            observed, sizes or (), regions or (), image if image != AUTO else ""
        )
        if kept:
            get_run_logger().warning("%s", kept)
        actions = plan_create(spec, observed)
        new = [a.worker for a in actions if a.verb in (Verb.CREATE, Verb.RECREATE)]
        places: dict[str, Place] = await find_capacity(session.pool, spec, new) if new else {}
        old = [worker for worker in observed.workers if worker.name not in new]
        await check_budget(list(places.values()), old, spec.auto_pause_hours)

        async def up(action: Action) -> Outcome:
            return await bring_up(action, spec, places.get(action.worker))

        return await conclude_up("created", spec.min_ready, await each(actions, up))
