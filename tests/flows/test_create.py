from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prefect import get_client
from world import BILLED, Run, Watch, World, power_of, task_runs

from flows.pool_create import pool_create
from vmpool import tags

PHASES = [
    "create-network",
    "create-vm",
    "wait-for-ssh",
    "prepare-docker",
    "pull-image",
    "build-image",
    "start-waa",
    "wait-for-waa",
    "open-tunnel",
]


@pytest.fixture(scope="module")
def creation(shared_world: World) -> Iterator[tuple[World, Run, list[dict[str, Any]]]]:
    """A pool of two made from nothing while somebody watched its VMs."""
    with Watch(shared_world) as watch:
        run = shared_world.run_now(pool_create, workers=2)
    return shared_world, run, watch.seen


@pytest.fixture(scope="module")
def made(creation: tuple[World, Run, list[dict[str, Any]]]) -> World:
    return creation[0]


@pytest.fixture(scope="module")
def run(creation: tuple[World, Run, list[dict[str, Any]]]) -> Run:
    return creation[1]


@pytest.fixture(scope="module")
def seen(creation: tuple[World, Run, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return creation[2]


def test_a_pool_is_created_from_nothing(run: Run) -> None:
    assert run.status["state"] == "ready"
    assert [worker["state"] for worker in run.status["workers"]] == ["ready", "ready"]


def test_every_phase_of_a_cold_start_ran(made: World, run: Run) -> None:
    assert sorted(run.phases(made.worker(1))) == sorted(PHASES)


def test_nothing_bills_without_a_timer_at_any_moment(seen: list[dict[str, Any]]) -> None:
    billed = [vm for vm in seen if power_of(vm) in BILLED]
    assert len(billed) > 10
    assert all(tags.parse_time(vm["tags"].get(tags.AUTO_PAUSE_AT)) for vm in billed)


def test_disk_nic_and_address_die_with_the_vm(made: World) -> None:
    vm = made.vm(0)
    assert vm
    (nic,) = vm["properties"]["networkProfile"]["networkInterfaces"]
    (configuration,) = made.raw.get(nic["id"])["properties"]["ipConfigurations"]
    address = configuration["properties"]["publicIPAddress"]
    assert vm["properties"]["storageProfile"]["osDisk"]["deleteOption"] == "Delete"
    assert nic["properties"]["deleteOption"] == "Delete"
    assert address["properties"]["deleteOption"] == "Delete"


def test_only_the_caller_may_use_ssh_and_nothing_else_is_open(made: World) -> None:
    name = f"{made.pool}-eastus-nsg"
    group = made.raw.get(f"{made.path}/providers/Microsoft.Network/networkSecurityGroups/{name}")
    (rule,) = group["properties"]["securityRules"]
    assert rule["properties"]["sourceAddressPrefixes"] == ["127.0.0.1/32"]
    assert rule["properties"]["destinationPortRange"] == "22"


async def test_task_runs_are_named_after_worker_and_phase(made: World, run: Run) -> None:
    names = {item.name for item in await task_runs(run.id, 2 * len(PHASES) + 2)}
    assert names >= {f"{made.worker(i)}: {phase}" for i in range(2) for phase in PHASES}
    assert f"{made.pool}: find-capacity" in names


async def test_a_table_and_a_chart_are_left_behind(made: World, run: Run) -> None:
    async with get_client() as client:
        answer = await client._client.post("/artifacts/filter", json={"limit": 200})
    keys = {item["key"] for item in answer.json() if item["flow_run_id"] == str(run.id)}
    assert keys >= {f"{made.pool}-timings", f"{made.pool}-chart"}


async def test_an_event_tells_that_the_pool_was_created(made: World) -> None:
    def asked() -> Any:
        wanted = {"filter": {"event": {"name": ["waa.pool.created"]}}, "limit": 50}
        answer = httpx.post(f"{api}/events/filter", json=wanted, timeout=10)
        found = [event["resource"]["prefect.resource.id"] for event in answer.json()["events"]]
        return f"waa.pool.{made.pool}" in found

    async with get_client() as client:
        api = str(client.api_url).rstrip("/")
    await made.until(asked, "the event")


async def test_a_second_create_changes_nothing(made: World) -> None:
    made.forget_requests()
    again = await made.run(pool_create, workers=2)
    assert again.status["state"] == "ready"
    asked = made.requests()
    writes = {(r["method"], r["path"].rpartition("/providers/")[2]) for r in asked}
    assert {w for w in writes if w[0] != "GET"} == {("PATCH", "Microsoft.Resources/tags/default")}


async def test_a_larger_create_adds_only_the_missing_worker(made: World) -> None:
    before = made.vm(0)
    run = await made.run(pool_create, workers=3)
    after = made.vm(0)
    assert before
    assert after
    assert after["properties"]["vmId"] == before["properties"]["vmId"]
    assert "create-vm" not in run.phases(made.worker(0))
    assert "create-vm" in run.phases(made.worker(2))
    assert run.status["state"] == "ready"
