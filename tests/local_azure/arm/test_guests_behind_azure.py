"""Azure's decisions as guests show them: who may connect, when sshd listens, what disks keep."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from guest_lab import ALLOW, Lab

from local_azure import control
from local_azure.control import Status, Wanted


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Status]:
    """A server with guests whose clock only these tests move."""
    folder = tmp_path_factory.mktemp("guests") / "azure"
    yield control.launch(folder, Wanted(speed=1.0))
    control.stop(folder)


@pytest.fixture
def lab(server: Status, unique_name: str) -> Iterator[Lab]:
    """A group of the test's own."""
    made = Lab(server, unique_name)
    yield made
    made.azure.call("DELETE", made.group.path)
    made.azure.advance(600)


async def test_no_rule_no_ssh_and_a_rule_opens_it_at_once(lab: Lab) -> None:
    lab.begin([])
    lab.azure.advance(400)
    assert not await lab.says_hello()
    lab.ssh_rule("PUT")
    assert await lab.run("true") == ""
    lab.ssh_rule("DELETE")
    assert not await lab.says_hello()


async def test_a_rule_for_another_caller_admits_nobody_else(lab: Lab) -> None:
    other = ALLOW | {"sourceAddressPrefix": "203.0.113.7/32"}
    lab.begin([{"name": "ssh", "properties": other}])
    lab.azure.advance(400)
    assert not await lab.says_hello()


async def test_ssh_opens_while_the_create_still_runs(lab: Lab) -> None:
    created = lab.begin([{"name": "ssh", "properties": ALLOW}])
    lab.azure.advance(60)
    assert not await lab.says_hello()
    lab.azure.advance(35)
    assert await lab.run("true") == ""
    operation = lab.azure.get(created.headers["azure-asyncoperation"])
    assert operation["status"] == "InProgress"


async def test_the_os_disk_survives_deallocation_and_the_temp_disk_does_not(lab: Lab) -> None:
    lab.begin([{"name": "ssh", "properties": ALLOW}])
    lab.azure.advance(400)
    await lab.run("sudo mkdir -p /opt/waa/kept /mnt/lost")
    lab.act("restart", 60)
    assert await lab.run("ls -d /opt/waa/kept /mnt/lost") == "/mnt/lost\n/opt/waa/kept\n"
    lab.act("deallocate", 60)
    assert not await lab.says_hello()
    lab.act("start", 60)
    assert await lab.run("ls /opt/waa") == "kept\n"
    assert "lost" not in await lab.run("ls /mnt")


async def test_a_guest_that_shuts_itself_down_is_stopped_and_billed(lab: Lab) -> None:
    lab.begin([{"name": "ssh", "properties": ALLOW}])
    lab.azure.advance(400)
    await lab.run("sudo systemctl poweroff")
    lab.azure.advance(120)
    assert not await lab.says_hello()
    assert lab.group.states("box")[-1] == "PowerState/stopped"
    assert lab.azure.meter()["usd_per_hour"] > 0.1


async def test_faults_reach_into_the_guest(lab: Lab) -> None:
    lab.begin([{"name": "ssh", "properties": ALLOW}])
    lab.azure.advance(400)
    lab.azure.fault(kind="guest", vm="box", fault="ssh-refused")
    assert not await lab.says_hello()
    lab.azure.fault(kind="guest", vm="box", fault={"kind": "ssh-refused", "off": True})
    assert await lab.run("true") == ""
    with pytest.raises(control.LocalAzureError, match="kind is one of"):
        lab.azure.fault(kind="guest", vm="box", fault="plague")
    with pytest.raises(control.LocalAzureError, match="there is no VM"):
        lab.azure.fault(kind="guest", vm="none", fault="ssh-cut")
    with pytest.raises(control.LocalAzureError, match="allocation, error, expire-tokens, guest"):
        lab.azure.fault(kind="plague")
