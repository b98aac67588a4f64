from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from world import World

from flows.idle_cleanup import idle_cleanup
from flows.pool_cleanup import pool_cleanup
from flows.pool_create import pool_create
from flows.pool_pause import pool_pause
from local_azure import control
from tasks.spending import read_spending
from vmpool import tags
from vmpool.spending import Spending

DAY_SECONDS = 86400


class Story:
    """A pool that was created, paused and deleted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.created = world.run_now(pool_create)
        self.tags = world.tags(0)
        self.paused = world.run_now(pool_pause)
        self.at_rest = self.charged()
        world.raw.advance(10 * DAY_SECONDS)
        self.gone = world.run_now(pool_cleanup)
        self.at_last = self.charged()

    def charged(self) -> float:
        """What the meter charged the pool for."""
        found: list[dict[str, Any]] = self.world.raw.meter()["resources"]
        return sum(item["usd"] for item in found if item["pool"] == self.world.pool)


@pytest.fixture(scope="module")
def story(shared_world: World) -> Iterator[Story]:
    return Story(shared_world)


def test_prices_at_launch_are_azures_own(story: Story) -> None:
    assert "source=retail size=Standard_D8ds_v5" in story.tags[tags.PRICES]
    assert story.tags[tags.PRICES].startswith("vm=0.452 ")
    assert story.created.status["cost"]["price_source"] == "retail"
    assert not story.created.status["cost"]["is_estimate"]


def test_a_pause_ends_with_a_receipt(story: Story) -> None:
    cost, receipt = story.paused.status["cost"], story.paused.status["receipt"]
    assert cost["session"]["compute_usd"] > 0
    assert cost["total_usd"] == pytest.approx(story.at_rest, rel=0.05)
    assert cost["paused_day"]["disk_usd"] == pytest.approx(19.71 / 730 * 24, rel=1e-4)
    assert cost["paused_day"]["total_usd"] == cost["idle_usd_per_day"]
    assert 0 < receipt["days"] < 1
    assert receipt["image"] is None


def test_a_cleanup_ends_with_what_the_pool_has_cost_in_all(story: Story) -> None:
    """Ten paused days count; what no longer exists is not forgotten."""
    cost = story.gone.status["cost"]
    assert story.gone.status["state"] == "absent"
    assert cost["total_usd"] > 7
    assert cost["total_usd"] == pytest.approx(story.at_last, rel=0.01)


async def test_every_run_leaves_its_cost_in_the_ui(story: Story) -> None:
    async with get_client() as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[f"{story.world.pool}-cost"]))
        found = await client.read_artifacts(artifact_filter=wanted)
    assert len(found) == 3
    assert all("| OS disks |" in str(artifact.data) for artifact in found)
    assert all("![A day's cost, last 30 days" in str(artifact.data) for artifact in found)


async def spent(world: World, days: int = 30) -> Spending:
    return await read_spending("local", days, world.pool, datetime.now(UTC).date())


async def test_runs_leave_what_a_pool_cost_by_day(story: Story) -> None:
    """The meter's sum; days between pause and cleanup, without a record, share it evenly."""
    found = await spent(story.world)
    assert found.total.usd == pytest.approx(story.at_last, rel=0.01)
    assert found.total.is_known
    idle = story.paused.status["cost"]["idle_usd_per_day"]
    amounts = [amount for day in found.every_day[-9:-1] if (amount := found.of(day))]
    assert [amount.usd for amount in amounts] == pytest.approx([idle] * 8, rel=0.05)
    assert all(amount.is_spread for amount in amounts)
    (last,) = found.last
    assert last.usd_per_hour == 0, "it is gone"


async def test_another_cloud_has_costs_of_its_own(story: Story) -> None:
    found = await read_spending("azure", 30, story.world.pool, date(2026, 1, 1))
    assert (found.days, found.last) == ({}, ())


async def test_a_pool_that_nobody_touches_is_noted_once_a_day(
    lonely_world: Callable[..., World],
) -> None:
    """So each day is exact."""
    calm = lonely_world(speed=600)
    calm.pool = "untouched"
    await calm.run(pool_create, auto_pause_hours=48)
    paused = await calm.run(pool_pause)
    for _ in range(4):
        now = control.ask(calm.raw.status, "GET", "/_local/clock")["now"]
        calm.raw.advance(DAY_SECONDS - now % DAY_SECONDS + 60)
        await calm.run(idle_cleanup)
        await calm.run(idle_cleanup)
    found = await spent(calm)
    idle = paused.status["cost"]["idle_usd_per_day"]
    days = found.every_day[-4:-1]
    assert [found.days[day][calm.pool].usd for day in days] == pytest.approx([idle] * 3, rel=1e-3)
    assert not found.total.is_spread
    async with get_client() as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=["untouched-spent"]))
        notes = await client.read_artifacts(artifact_filter=wanted)
    assert len(notes) == 2 + 4
