"""Budgets through the flows: refused before anything is made, paused when used up."""

from __future__ import annotations

import pytest
from webhook import Webhook
from world import World

from flows.auto_pause import auto_pause
from flows.image_create import image_create
from flows.pool_cleanup import pool_cleanup
from flows.pool_create import pool_create
from flows.pool_resume import pool_resume
from vmpool import budget, tags
from vmpool.budget import Period
from vmpool.errors import PermanentError

MONTH = "WAA_BUDGET_USD_PER_MONTH"


def group_tags(world: World) -> dict[str, str]:
    return dict(world.raw.get(world.path, api="2021-04-01").get("tags") or {})


@pytest.mark.parametrize("flow", [pool_create, image_create])
async def test_what_is_beyond_the_budget_is_refused_before_anything_is_made(
    world: World, flow: object
) -> None:
    world.variables["WAA_BUDGET_USD_PER_DAY"] = "0.5"
    run = await world.run(flow)  # type: ignore[arg-type] # either flow
    assert isinstance(run.error, PermanentError)
    assert "of 0.50 USD" in str(run.error)
    assert "WAA_BUDGET_USD_PER_DAY" in str(run.error)
    assert world.parts() == set()


async def test_a_used_up_budget_pauses_pools_whose_time_is_not_up_and_lets_none_resume(
    world: World, webhook: Webhook
) -> None:
    """Somebody is told why, and how it could run on."""
    world.variables[MONTH] = "1000"
    created = await world.run(pool_create, auto_pause_hours=48)
    assert created.status["state"] == "ready"
    with world.environment():
        assert await auto_pause() == [], "there is money left"
    world.variables[MONTH] = "0.01"
    with world.environment():
        assert await auto_pause() == [world.pool]
        assert await auto_pause() == [], "a paused pool is not paused again"
    (message,) = await webhook.about(world.pool)
    assert "the budget of this month is used up" in message["subject"]
    assert "of 0.01 USD" in message["body"]
    assert "raise WAA_BUDGET_USD_PER_MONTH" in message["body"]
    assert world.power(0) == "deallocated"
    resumed = await world.run(pool_resume)
    assert "beyond the budget" in str(resumed.error)
    assert world.power(0) == "deallocated"


async def test_what_a_deleted_pool_has_cost_stays_spent(world: World) -> None:
    world.variables[MONTH] = "1000"
    await world.run(pool_create)
    await world.run(pool_cleanup)
    with world.environment():
        await auto_pause()
    prefix = f"{world.raw.subscription}{world.path}/".lower()
    true = sum(
        item["usd"]
        for item in world.raw.meter()["resources"]
        if item["id"].lower().startswith(prefix)
    )
    mark = budget.decode(group_tags(world)[tags.BUDGET])[Period.MONTH]
    assert mark.seen == 0
    assert 0.3 * true < mark.gone <= true * 1.05
