"""A pool's own worker as the disk of a golden image."""

from __future__ import annotations

from typing import Any

import pytest
from world import Run, World

from flows.image_create import image_create
from flows.pool_create import pool_create
from vmpool import tags
from vmpool.errors import NotFoundError, PermanentError
from vmpool.model import Phase


@pytest.fixture(scope="module")
def taken(shared_world: World) -> tuple[World, Run]:
    """A pool of two, one of which became an image."""
    shared_world.run_now(pool_create, workers=2)
    worker = shared_world.worker(1)
    return shared_world, shared_world.run_now(image_create, from_worker=worker)


def current(run: Run) -> dict[str, Any]:
    """The current image of a list."""
    (found,) = [item for item in run.status["images"] if item["state"] == "current"]
    return dict(found)


def test_the_image_says_whose_disk_it_is_and_was_proved_by_a_canary(
    taken: tuple[World, Run],
) -> None:
    world, run = taken
    made = current(run)
    assert (made["source"], made["windows"]) == (world.worker(1), True)
    assert made["boot_seconds"] > 0


def test_the_worker_is_used_up_and_the_others_of_its_pool_go_on(taken: tuple[World, Run]) -> None:
    world, run = taken
    assert (world.power(0), world.power(1)) == ("running", "gone")
    assert not {name for name in world.rates() if name.startswith((world.worker(1), "waa-bake"))}
    assert current(run)["name"] in world.rates()


def test_the_pool_is_completed_from_the_image_of_its_own_worker(taken: tuple[World, Run]) -> None:
    world, _ = taken
    completed = world.run_now(pool_create, workers=2)
    assert completed.phases(world.worker(1))["build-image"] == "was there"
    assert world.is_ready(1)


async def test_a_worker_that_does_not_exist_is_refused_before_anything_is_made(
    world: World,
) -> None:
    run = await world.run(image_create, from_worker="waa-nobody-00")
    assert isinstance(run.error, NotFoundError)
    assert world.parts() == set()


async def test_a_worker_whose_windows_does_not_go_off_stays_with_its_pool(ready: World) -> None:
    ready.hurt(1, "windows-frozen")
    run = await ready.run(image_create, from_worker=ready.worker(1))
    assert isinstance(run.error, PermanentError)
    assert ready.power(1) == "running"
    assert ready.tags(1)[tags.INTENT] != "delete"
    assert Phase.CLEAN_DISK not in run.phases(ready.worker(1))


async def test_a_worker_whose_use_was_cut_off_is_made_anew(ready: World) -> None:
    ready.retag(1, waa_intent="delete")
    run = await ready.run(pool_create, workers=2)
    assert "create-vm" in run.phases(ready.worker(1))
    assert ready.is_ready(1)
