from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from world import World

from flows.pool_cleanup import pool_cleanup
from flows.pool_create import pool_create
from flows.pool_pause import pool_pause
from vmpool import tags


class Story:
    """A pool that was created, paused and deleted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.created = world.run_now(pool_create)
        self.tags = world.tags(0)
        self.paused = world.run_now(pool_pause)
        self.at_rest = self.charged()
        world.raw.advance(10 * 86400)
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
