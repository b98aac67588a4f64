"""Base images move on: a golden image notices, says so, and is baked anew from what is new."""

from __future__ import annotations

from typing import Any

import pytest
from world import Run, World

from flows.image_create import image_create
from flows.image_list import image_list
from flows.image_push import image_push
from flows.image_refresh import image_refresh
from flows.pool_create import pool_create
from local_azure import control
from tasks.bake import BUILDER

WINDOWS = "docker.io/dockurr/windows:5.07"
"""A tag that no other test pulls: it is moved."""


@pytest.fixture(scope="module")
def baked(shared_world: World) -> tuple[World, Run]:
    """A golden image without Windows, made of a base image that will move."""
    shared_world.variables["WAA_WINDOWS_IMAGE"] = WINDOWS
    return shared_world, shared_world.run_now(image_create, with_windows=False)


@pytest.fixture(scope="module")
def listed(baked: tuple[World, Run]) -> Run:
    """The list after the base image has moved; the registry has what was built of the old one."""
    world, _ = baked
    world.run_now(pool_create, workers=1)
    world.run_now(image_push)
    control.ask(world.raw.status, "POST", "/_local/hub", {"image": WINDOWS})
    return world.run_now(image_list)


def current(run: Run) -> dict[str, Any]:
    """The current image of a list."""
    (found,) = [item for item in run.status["images"] if item["state"] == "current"]
    return dict(found)


def test_an_image_knows_the_digests_of_what_it_was_built_from(baked: tuple[World, Run]) -> None:
    made, run = current(baked[1]), baked[1].status
    assert made["windows_digest"] == run["windows_digest"]
    assert made["base_digest"] == run["base_digest"]
    assert made["docker_id"].startswith("sha256:")
    assert (made["is_stale"], made["changed"], made["source"]) == (False, [], "bare")


def test_a_base_image_that_moved_makes_the_image_stale_and_the_list_says_which(
    baked: tuple[World, Run], listed: Run
) -> None:
    now = listed.status["windows_digest"]
    assert now != current(baked[1])["windows_digest"]
    assert current(listed)["is_stale"]
    assert current(listed)["changed"] == [f"the Windows base image, now {now[:19]}"]


def test_a_refresh_bakes_anew_from_the_base_image_of_today_whatever_the_registry_has(
    baked: tuple[World, Run], listed: Run
) -> None:
    refreshed = baked[0].run_now(image_refresh)
    made = current(refreshed)
    assert refreshed.phases(BUILDER)["build-image"] != "was there"
    assert made["windows_digest"] == listed.status["windows_digest"]
    assert not made["is_stale"]
    assert made["name"] != current(listed)["name"]
