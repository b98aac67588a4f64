from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prefect import get_client
from world import Run, World

from flows.pool_create import pool_create
from flows.pool_pause import pool_pause
from flows.pool_resume import pool_resume
from vmpool import tags
from vmpool.errors import PermanentError
from vmpool.guest import cloud_init
from vmpool.guest.keys import new_host_key
from vmpool.model import Phase

FINE, NO_SSH, FULL_DISK, STUCK = 0, 1, 2, 3


async def create_with_trouble(world: World) -> tuple[Run, dict[str, Any]]:
    """A create of four of which three fail for good, each in another way.

    Returns:
        The run, and the first that was seen of the VM whose creation never gets anywhere.
    """
    world.fault(kind="operation", operation="vm.create", resource=world.worker(STUCK), mode="stuck")

    async def hurt() -> dict[str, Any]:
        early: dict[str, Any] = await world.until(lambda: world.vm(STUCK))
        await world.until(lambda: world.power(NO_SSH) == "running")
        world.hurt(NO_SSH, "ssh-refused")
        world.hurt(NO_SSH, "ssh-cut")
        await world.until(lambda: world.power(FULL_DISK) == "running")
        world.hurt(FULL_DISK, "disk-full")
        return early

    run, early = await asyncio.gather(world.run(pool_create, workers=4, min_ready=1), hurt())
    return run, early


@pytest.fixture(scope="module")
def trouble(shared_world: World) -> tuple[World, Run, dict[str, Any]]:
    run, early = asyncio.run(create_with_trouble(shared_world))
    shared_world.raw.clear_faults()
    return shared_world, run, early


@pytest.fixture(scope="module")
def troubled(trouble: tuple[World, Run, dict[str, Any]]) -> tuple[World, Run]:
    return trouble[:2]


def test_the_request_that_creates_a_vm_brings_its_timer(
    trouble: tuple[World, Run, dict[str, Any]],
) -> None:
    _, _, early = trouble
    assert early["properties"]["provisioningState"] == "Creating"
    assert tags.parse_time(early["tags"].get(tags.AUTO_PAUSE_AT))


def test_enough_ready_workers_are_a_success(troubled: tuple[World, Run]) -> None:
    world, run = troubled
    assert [worker["name"] for worker in run.status["workers"]] == [world.worker(FINE)]
    assert run.status["state"] == "ready"


@pytest.mark.parametrize("index", [NO_SSH, FULL_DISK, STUCK])
def test_what_a_failed_worker_had_is_removed(troubled: tuple[World, Run], index: int) -> None:
    world, run = troubled
    assert not any(name.startswith(world.worker(index)) for name in world.parts())
    assert "delete-worker" in run.phases(world.worker(index))


def test_afterwards_only_what_is_kept_on_purpose_costs_money(troubled: tuple[World, Run]) -> None:
    world, _ = troubled
    fine = world.worker(FINE)
    assert set(world.rates()) == {fine, f"{fine}-ip", f"{fine}-os"}


def test_a_permanent_error_is_not_tried_again(troubled: tuple[World, Run]) -> None:
    world, run = troubled
    full = world.worker(FULL_DISK)
    (failed,) = [s for s in run.spans if s.worker == full and s.error and s.error != "interrupted"]
    assert "space" in failed.error.lower() or "cloud-init" in failed.error
    assert run.tries(full, failed.phase) == 1


async def test_too_few_ready_workers_are_a_failure_that_says_who(world: World) -> None:
    """The ready one stays, with its timer; the table and the chart of a failed run exist too."""
    world.fault(
        kind="operation",
        operation="vm.create",
        resource=world.worker(1),
        code="OSProvisioningClientError",
        message="OS provisioning failed.",
    )
    run = await world.run(pool_create, workers=2)
    assert isinstance(run.error, PermanentError)
    assert "1 of 2 workers are ready, 2 wanted" in str(run.error)
    assert "OSProvisioningClientError" in str(run.error)
    assert world.power(0) == "running"
    assert not any(name.startswith(world.worker(1)) for name in world.parts())

    async with get_client() as client:
        answer = await client._client.post(
            "/artifacts/filter", json={"limit": 200, "sort": "CREATED_DESC"}
        )
    keys = {item["key"] for item in answer.json() if item["flow_run_id"] == str(run.id)}
    assert keys >= {f"{world.pool}-timings", f"{world.pool}-chart"}


async def test_a_cloud_init_that_fails_ends_the_worker_with_its_own_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud_init, "DOCKER_PACKAGE", "no-such-package")
    run = await world.run(pool_create)
    assert "cloud-init failed" in str(run.error)
    assert run.tries(world.worker(0), Phase.PREPARE_DOCKER) == 1
    assert world.parts() == set()


async def test_a_worker_that_was_ready_once_is_deallocated_not_deleted(ready: World) -> None:
    """Its Windows disk took 20 minutes to install."""
    await ready.run(pool_pause)
    right = ready.tags(0)[tags.HOST_KEY]
    ready.retag(0, waa_host_key=new_host_key().public_line)
    run = await ready.run(pool_resume)
    ready.retag(0, waa_host_key=right)
    assert "1 of 2 workers are ready" in str(run.error)
    assert "start-vm" in run.phases(ready.worker(0))
    assert ready.power(0) == "deallocated"
    assert f"{ready.worker(0)}-os" in ready.parts()


async def test_a_worker_that_ran_before_is_left_running_when_its_check_fails(ready: World) -> None:
    """What we could not do says little about it, and somebody may be using it."""
    ready.variables["WAA_BASE_IMAGE"] = "docker.io/windowsarena/no-such-image:1"
    run = await ready.run(pool_resume)
    del ready.variables["WAA_BASE_IMAGE"]
    assert "no-such-image" in str(run.error)
    assert "may still be billed" in str(run.error)
    assert ready.power(0) == "running"
    assert tags.AUTO_PAUSE_AT in ready.tags(0)
