from __future__ import annotations

from datetime import timedelta

import pytest
from world import World

from flows.pool_create import pool_create
from tasks import capacity
from vmpool.errors import CapacityError, UsageError

FIRST, SECOND = "Standard_D8ds_v5", "Standard_D8s_v5"


def size_of(world: World, index: int) -> str:
    vm = world.vm(index)
    assert vm
    return str(vm["properties"]["hardwareProfile"]["vmSize"])


async def test_a_place_without_room_gives_way_to_the_next_and_is_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AllocationFailed comes late: the VM resource that it leaves is removed."""
    monkeypatch.setattr(capacity, "FAILURE_REMEMBERED", timedelta(days=2))  # 86 s of the wall
    world.fault(kind="allocation", size=FIRST, region="eastus", times=1)
    parameters = {"sizes": [FIRST, SECOND], "regions": ["eastus"]}
    run = await world.run(pool_create, **parameters)
    assert run.status["state"] == "ready"
    assert size_of(world, 0) == SECOND
    assert "delete-worker" in run.phases(world.worker(0))

    group = world.raw.get(world.path, api="2021-04-01")
    assert f"waa-no-capacity.eastus.{FIRST.lower()}" in group["tags"]
    next_run = await world.run(pool_create, workers=2, **parameters)
    assert next_run.status["state"] == "ready"
    assert size_of(world, 1) == SECOND
    tries = [r for r in world.requests() if r["method"] == "PUT" and r["path"].endswith("-01")]
    assert len(tries) == 1, "the next run does not try the full place first"


async def test_a_size_that_is_refused_at_once_gives_way_to_the_next_region(world: World) -> None:
    world.fault(kind="sku", size=FIRST, region="eastus")
    run = await world.run(pool_create, sizes=[FIRST], regions=["eastus", "westus2"])
    assert run.status["workers"][0]["region"] == "westus2"
    assert run.status["state"] == "ready"
    puts = [r for r in world.requests() if r["error"] == "SkuNotAvailable"]
    assert len(puts) == 1, "the same place is never tried twice"


async def test_a_quota_that_holds_too_few_workers_stops_before_anything_is_made(
    world: World,
) -> None:
    world.fault(kind="quota", region="eastus", family="standardDDSv5Family", limit=0)
    run = await world.run(pool_create, workers=2, sizes=[FIRST], regions=["eastus"])
    assert isinstance(run.error, CapacityError)
    assert "the quota holds 0 of 2" in str(run.error)
    assert world.parts() == set()


async def test_a_pool_that_finds_no_room_anywhere_leaves_nothing_behind(world: World) -> None:
    world.fault(kind="allocation", size=FIRST)
    run = await world.run(pool_create, sizes=[FIRST], regions=["eastus", "westus2"])
    assert isinstance(run.error, CapacityError)
    assert world.parts() == set()
    assert world.rates() == {}


async def test_a_size_that_does_not_exist_is_a_usage_error_and_leaves_nothing(
    world: World,
) -> None:
    run = await world.run(pool_create, sizes=["Standard_Nonsense"], regions=["eastus"])
    assert isinstance(run.error, UsageError)
    assert world.parts() == set()
