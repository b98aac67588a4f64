"""Budgets: a run that would exceed one is refused before anything is made; a used-up one pauses."""

from __future__ import annotations

from collections.abc import Sequence

import anyio.to_thread
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.logging import get_run_logger

from tasks import ledgers
from tasks.credentials import connected
from tasks.events import pool_resource
from tasks.session import current
from vmpool import budget
from vmpool.arm import budgeting
from vmpool.budget import Reckoning
from vmpool.cost import own_prices
from vmpool.errors import PermanentError, VmPoolError
from vmpool.lifetime import is_costing
from vmpool.model import Place, Worker
from vmpool.settings import load_settings


async def check_budget(places: Sequence[Place], kept: Sequence[Worker], hours: float) -> None:
    """Refuse a run that would exceed a budget; nothing is asked if none is set.

    Args:
        places: where new workers would go.
        kept: workers that exist and would run.
        hours: until auto-pause.

    Raises:
        PermanentError: what is known of it is beyond the budget.
        VmPoolError: what was spent can't be asked.
    """
    session = current()
    if not budgeting.limits(session.settings):
        return
    prices = [await ledgers.prices_of(place.size, place.region) for place in places]
    run = budget.run_cost([*prices, *map(own_prices, kept)], hours)
    reckoned, _ = await session.insist(budgeting.reckon, session.cloud)
    for reckoning in reckoned:
        if budget.is_beyond(reckoning, run):
            raise PermanentError(budget.refusal(reckoning, run))
        is_sure = not (reckoning.unknown or run.unknown)
        say = get_run_logger().info if is_sure else get_run_logger().warning
        say("Budget: %s", budget.described(reckoning, run))


async def note_spending() -> None:
    """Note what was spent before something is deleted; best effort, the next look notes less."""
    session = current()
    try:
        await session.call(budgeting.reckon, session.cloud)
    except VmPoolError as error:
        get_run_logger().warning("What was spent could not be noted: %s", error)


@task(name="pools-over-budget", cache_policy=NO_CACHE)
async def pools_over_budget() -> list[str]:
    """Pools that are billed although a budget is used up. Not cached: money is spent.

    What can't be reckoned holds up no pool whose time is up: it is logged, and asked again by the
    next run.
    """
    settings = load_settings()
    if not budgeting.limits(settings):
        return []
    try:
        cloud = await connected(settings)
        reckoned, pools = await anyio.to_thread.run_sync(budgeting.reckon, cloud)
    except VmPoolError as error:
        get_run_logger().error("Whether the budget is used up is unknown: %s", error)
        return []
    used_up = [reckoning for reckoning in reckoned if reckoning.is_used_up]
    if not used_up:
        return []
    over = [
        observed.pool
        for observed in pools
        if observed.pool and any(map(is_costing, observed.workers))
    ]
    for pool in over:
        _tell(pool, used_up[0])
    return over


def _tell(pool: str, reckoning: Reckoning) -> None:
    get_run_logger().warning(
        "%s is paused: %.2f USD spent this %s, the budget is %.2f (estimates)",
        pool,
        reckoning.mark.spent,
        reckoning.period,
        reckoning.limit,
    )
    emit_event(
        "waa.budget.exceeded",
        resource=pool_resource(pool),
        payload={
            "pool": pool,
            "period": reckoning.period.value,
            "spent_usd": round(reckoning.mark.spent, 6),
            "budget_usd": reckoning.limit,
            "unknown": reckoning.unknown,
        },
    )
