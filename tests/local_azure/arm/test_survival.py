"""A server that is killed at any moment goes on where it was; one that is told to stop does so."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from forked_azure import kill
from raw_azure import Group, RawAzure

from local_azure import control
from local_azure.control import Status, Wanted

QUICKLY_SECONDS = 8.0


def again(status: Status, speed: float) -> RawAzure:
    """Start a server on the same state; the ports and secrets must be the same."""
    folder = Path(status.state_dir)
    assert control.status(folder) is None
    restarted = control.launch(folder, Wanted(speed=speed, guests="none"))
    same = ("endpoint", "client_secret", "subscription_id", "ssh_port", "ca_file")
    assert [getattr(restarted, name) for name in same] == [getattr(status, name) for name in same]
    assert restarted.pid != status.pid
    return RawAzure(restarted)


def test_a_create_goes_on_after_a_kill_and_what_was_acknowledged_is_there(
    fresh_azure: Callable[..., Status],
) -> None:
    status = fresh_azure(speed=1.0, guests="none")
    azure = RawAzure(status)
    group = Group(azure, "demo")
    created = group.begin_vm("box", tags={"waa-pool": "p"})
    operation = created.headers["azure-asyncoperation"]
    azure.advance(120)
    number = azure.get(group.network("publicIPAddresses", "box-nic-ip"))["properties"]["ipAddress"]
    last = azure.call("PUT", "/resourceGroups/last", {"location": "westus2"})
    assert last.status_code == 201
    kill(status)

    azure = again(status, speed=1.0)
    group = Group(azure, "demo")
    assert azure.get("/resourceGroups/last")["location"] == "westus2"
    assert azure.get(operation)["status"] == "InProgress"
    assert group.states("box") == ["ProvisioningState/creating", "PowerState/running"]
    azure.advance(300)
    assert azure.get(operation)["status"] == "Succeeded"
    vm = azure.get(group.vm("box"))
    assert (vm["tags"], vm["properties"]["provisioningState"]) == ({"waa-pool": "p"}, "Succeeded")
    address = azure.get(group.network("publicIPAddresses", "box-nic-ip"))
    assert address["properties"]["ipAddress"] == number


def test_everything_that_a_storm_of_writes_was_told_survives_a_kill(
    fresh_azure: Callable[..., Status],
) -> None:
    status = fresh_azure(speed=1000.0, guests="none")
    azure = RawAzure(status)
    group = Group(azure, "demo")
    told: list[str] = []
    killer = subprocess.Popen(["sleep", "0.4"])
    while killer.poll() is None:
        name = f"ip{len(told)}"
        group.address(name)
        told.append(name)
    kill(status)
    azure = again(status, speed=1000.0)
    listing = f"{group.path}/providers/Microsoft.Network/publicIPAddresses"
    kept: set[str] = set()
    while listing:
        page = azure.get(listing)
        kept |= {item["name"] for item in page["value"]}
        listing = page.get("nextLink", "")
    assert set(told) <= kept
    assert len(told) > 1


def test_clock_and_meter_never_go_back_and_faults_are_kept(
    fresh_azure: Callable[..., Status],
) -> None:
    status = fresh_azure(speed=1.0, guests="none")
    azure = RawAzure(status)
    Group(azure, "demo").running_vm("box")
    azure.fault(kind="sku", size="Standard_D8ds_v5")
    azure.advance(36_000)
    clock = control.ask(status, "GET", "/_local/clock")["now"]
    cost = azure.meter()["total_usd"]
    kill(status)
    azure = again(status, speed=1.0)
    assert clock <= control.ask(azure.status, "GET", "/_local/clock")["now"] < clock + 30
    assert azure.meter()["total_usd"] == pytest.approx(cost, rel=0.01)
    assert azure.meter()["total_usd"] >= cost
    faults = control.ask(azure.status, "GET", "/_local/faults")["faults"]
    assert [fault["kind"] for fault in faults] == ["sku"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_server_in_the_foreground_ends_quickly_and_in_order(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-m", "local_azure", "serve", "--state", str(tmp_path / "azure")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"local Azure ready on https://127.0.0.1:")
        status = control.status(tmp_path / "azure")
        assert status is not None
        azure = RawAzure(status)
        Group(azure, "demo").begin_vm("box")
        begun = time.monotonic()
        process.send_signal(getattr(signal, name))
        _, errors = process.communicate(timeout=30)
    assert time.monotonic() - begun < QUICKLY_SECONDS
    assert (process.returncode, errors) == (0, b"")
    assert control.status(tmp_path / "azure") is None
    assert not (tmp_path / "azure" / "status.json").exists()


def test_one_state_folder_has_one_server(fresh_azure: Callable[..., Status]) -> None:
    status = fresh_azure(guests="none")
    folder = Path(status.state_dir)
    assert control.launch(folder, Wanted(guests="none")).pid == status.pid
    command = [sys.executable, "-m", "local_azure", "serve", "--state", str(folder)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 1
    assert second.stderr.strip() == f"a local Azure already serves {folder}"
