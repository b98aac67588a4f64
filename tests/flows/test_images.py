from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prefect import get_client
from world import Run, World

from flows.image_create import image_create
from flows.image_delete import image_delete
from flows.image_refresh import image_refresh
from flows.pool_create import pool_create
from tasks.bake import BUILDER, CANARY
from vmpool.errors import NotFoundError, VmPoolError


@pytest.fixture(scope="module")
def baked(shared_world: World) -> tuple[World, Run]:
    """A group with one golden image, baked with Windows."""
    return shared_world, shared_world.run_now(image_create, regions=["westus2"])


@pytest.fixture(scope="module")
def from_image(baked: tuple[World, Run]) -> Run:
    """A pool of one made where the image is not the first region."""
    world, _ = baked
    return world.run_now(pool_create, workers=1, regions=["eastus", "westus2"])


def image(run: Run, state: str = "current") -> dict[str, Any]:
    """The image of a state that a run returned."""
    (found,) = [item for item in run.status["images"] if item["state"] == state]
    return dict(found)


def test_a_bake_ends_with_one_current_image_that_a_canary_proved(baked: tuple[World, Run]) -> None:
    made = image(baked[1])
    assert (made["region"], made["windows"], made["is_stale"]) == ("westus2", True, False)
    assert made["boot_seconds"] > 0


def test_the_bake_went_through_its_phases_in_their_order(baked: tuple[World, Run]) -> None:
    _, run = baked
    phases = list(run.phases(BUILDER))
    assert phases[-8:] == [
        "power-off-windows",
        "clean-disk",
        "deprovision",
        "scan-disk",
        "deallocate-vm",
        "generalize-vm",
        "capture-image",
        "delete-worker",
    ]
    assert "wait-for-waa" in run.phases(CANARY)


def test_after_a_bake_nothing_bills_but_the_image(
    baked: tuple[World, Run], from_image: Run
) -> None:
    world, run = baked
    mine = {worker["name"] for worker in from_image.status["workers"]}
    others = {name for name in world.rates() if not any(name.startswith(own) for own in mine)}
    assert others == {image(run)["name"]}


def test_a_pool_is_made_where_the_image_is_and_finds_the_slow_phases_done(
    from_image: Run,
) -> None:
    (worker,) = from_image.status["workers"]
    assert worker["region"] == "westus2"
    phases = from_image.phases(worker["name"])
    assert {phases[name] for name in ("prepare-docker", "pull-image", "build-image")} == {
        "was there"
    }


@pytest.mark.usefixtures("from_image")
def test_windows_of_the_image_boots_and_is_not_installed_again(baked: tuple[World, Run]) -> None:
    world, _ = baked
    assert "Booting Windows" in world.windows_log(0)
    assert "Downloading Windows" not in world.windows_log(0)


@pytest.mark.usefixtures("from_image")
def test_each_vm_of_an_image_has_a_host_key_of_its_own(baked: tuple[World, Run]) -> None:
    """The shell verifies it; it would refuse the builder's."""
    shell = baked[0].shell(0)
    assert shell.run(["whoami"], 10).out == "azureuser\n"
    shell.close()


async def test_a_refresh_does_nothing_while_nothing_has_changed(
    baked: tuple[World, Run],
) -> None:
    world, run = baked
    again = await world.run(image_refresh)
    assert image(again)["name"] == image(run)["name"]
    assert again.spans == []


async def test_a_canary_that_fails_leaves_the_image_before_current(
    baked: tuple[World, Run],
) -> None:
    world, run = baked
    path = f"virtualMachines/{CANARY}$"
    world.fault(kind="error", method="PUT", path=path, status=400, code="InvalidParameter")
    failed = await world.run(image_create, regions=["westus2"], with_windows=False)
    world.raw.clear_faults()
    assert isinstance(failed.error, VmPoolError)
    listed = await world.run(image_refresh)
    assert [item["name"] for item in listed.status["images"]] == [image(run)["name"]]
    assert not {name for name in world.parts() if name.startswith("waa-bake")}


async def test_the_next_image_takes_over_and_only_two_are_kept(world: World) -> None:
    runs = [await world.run(image_create, with_windows=False) for _ in range(3)]
    names = [image(run)["name"] for run in runs]
    states = {item["name"]: item["state"] for item in runs[2].status["images"]}
    assert states == {names[2]: "current", names[1]: "previous"}
    left = await world.run(image_delete, name=names[1])
    assert [item["name"] for item in left.status["images"]] == [names[2]]
    assert isinstance((await world.run(image_delete, name=names[1])).error, NotFoundError)


async def test_a_bake_that_is_cancelled_leaves_nothing(world: World) -> None:
    baking = asyncio.ensure_future(world.run(image_create, with_windows=False))
    await world.until(lambda: BUILDER in world.parts(), "the builder")
    baking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await baking
    assert world.parts() == set()


async def test_a_bake_after_a_killed_one_clears_what_that_left(world: World) -> None:
    with world.environment():
        await pool_create("waa-bake", image="none")  # as a bake that was killed leaves its builder
    run = await world.run(image_create, with_windows=False)
    assert image(run)["boot_seconds"]
    assert world.parts() == set()


@pytest.mark.usefixtures("baked")
async def test_bake_artifacts_show_its_phases() -> None:
    async with get_client() as client:
        found = await client.read_latest_artifacts()
    assert {"waa-bake-timings", "waa-bake-chart"} <= {item.key for item in found}
