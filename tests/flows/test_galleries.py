"""Bakes to a gallery, and pools in every region that an image was replicated to."""

from __future__ import annotations

from typing import Any

import pytest
from world import Run, World

from flows.image_create import image_create
from flows.image_delete import image_delete
from flows.image_list import image_list
from flows.image_refresh import image_refresh
from flows.pool_create import pool_create
from tasks.bake import BUILDER, CANARY
from vmpool.errors import UsageError, VmPoolError
from vmpool.naming import gallery_name

GALLERY = {"WAA_IMAGE_KIND": "gallery", "WAA_IMAGE_REGIONS": "westus2"}


@pytest.fixture(scope="module")
def baked(shared_world: World) -> tuple[World, Run]:
    """A group with one image in a gallery, baked in eastus and replicated to westus2."""
    shared_world.variables.update(GALLERY)
    bake = shared_world.run_now(image_create, regions=["eastus"], with_windows=False)
    return shared_world, bake


def images(run: Run) -> dict[str, dict[str, Any]]:
    """The images that a run returned, by state; two of a state are an error."""
    found = run.status["images"]
    by_state = {item["state"]: item for item in found}
    assert len(by_state) == len(found)
    return by_state


def test_a_bake_ends_with_an_image_in_every_region(baked: tuple[World, Run]) -> None:
    made = images(baked[1])["current"]
    assert (made["kind"], made["region"]) == ("gallery", "eastus")
    assert made["regions"] == ["eastus", "westus2"]
    assert made["boot_seconds"] > 0
    assert made["usd_per_month"] == pytest.approx(2 * 0.05 * made["size_gb"])


def test_the_bake_says_where_the_image_is(baked: tuple[World, Run]) -> None:
    _, run = baked
    name = images(run)["current"]["name"]
    assert run.phases(BUILDER)["capture-image"] == f"{name} in eastus, westus2"
    assert "wait-for-waa" in run.phases(CANARY)


def test_a_pool_in_the_other_region_is_made_from_the_image(baked: tuple[World, Run]) -> None:
    world, _ = baked
    run = world.run_now(pool_create, workers=1, regions=["northeurope", "westus2"])
    (worker,) = run.status["workers"]
    assert worker["region"] == "westus2"
    phases = run.phases(worker["name"])
    assert phases["prepare-docker"] == phases["pull-image"] == phases["build-image"] == "was there"


async def test_a_refresh_finds_the_image_up_to_date(baked: tuple[World, Run]) -> None:
    world, run = baked
    again = await world.run(image_refresh)
    assert images(again)["current"]["name"] == images(run)["current"]["name"]
    assert again.spans == []


async def test_a_bake_of_the_other_kind_takes_over_and_both_are_listed(world: World) -> None:
    first = await world.run(image_create, with_windows=False)
    world.variables.update({"WAA_IMAGE_KIND": "gallery"})
    second = await world.run(image_create, with_windows=False)
    kinds = {state: image["kind"] for state, image in images(second).items()}
    assert kinds == {"current": "gallery", "previous": "managed"}
    left = await world.run(image_delete, name=images(second)["current"]["name"])
    assert images(left)["previous"]["name"] == images(first)["current"]["name"]


async def test_a_region_that_does_not_exist_is_refused_before_anything_is_built(
    world: World,
) -> None:
    world.variables.update({"WAA_IMAGE_KIND": "gallery", "WAA_IMAGE_REGIONS": "westus9"})
    run = await world.run(image_create)
    assert isinstance(run.error, UsageError)
    assert "WAA_IMAGE_REGIONS: no region westus9" in str(run.error)
    assert world.parts() == set()


async def test_a_version_that_azure_cannot_finish_is_deleted_and_made_again(world: World) -> None:
    world.variables.update(GALLERY)
    where = f"{world.group}/.*/versions/"
    world.fault(
        kind="operation", operation="version.create", resource=where, mode="failed", times=1
    )
    run = await world.run(image_create, regions=["eastus"], with_windows=False)
    assert images(run)["current"]["regions"] == ["eastus", "westus2"]
    assert world.parts() == set()


async def test_a_failed_candidate_that_cannot_be_deleted_says_so_until_the_next_bake(
    world: World,
) -> None:
    world.variables.update({"WAA_IMAGE_KIND": "gallery"})
    canary, versions = f"virtualMachines/{CANARY}$", f"{world.group}/.*/versions/"
    world.fault(kind="error", method="PUT", path=canary, status=400, code="InvalidParameter")
    world.fault(kind="error", method="DELETE", path=versions, status=409, code="Locked")
    failed = await world.run(image_create, with_windows=False)
    world.raw.clear_faults()
    assert isinstance(failed.error, VmPoolError)
    listed = await world.run(image_list)
    assert list(images(listed)) == ["failed"]
    bad = images(listed)["failed"]["name"]
    refused = await world.run(pool_create, image=bad)
    assert isinstance(refused.error, UsageError)
    again = await world.run(image_create, with_windows=False)
    assert list(images(again)) == ["current"]
    assert images(again)["current"]["name"] != bad


@pytest.mark.usefixtures("baked")
def test_the_gallery_bears_the_groups_name(baked: tuple[World, Run]) -> None:
    world, _ = baked
    path = f"{world.path}/providers/Microsoft.Compute/galleries"
    (gallery,) = world.raw.get(path)["value"]
    assert gallery["name"] == gallery_name(world.group)
