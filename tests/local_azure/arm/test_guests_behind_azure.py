"""Azure's decisions as guests show them: who may connect, when sshd listens, what disks keep."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncssh
import pytest
from raw_azure import Group, RawAzure

from local_azure import control
from local_azure.control import Status, Wanted

ADMIN = "azureuser"
SILENCE_SECONDS = 0.5
ALLOW = {
    "protocol": "Tcp",
    "access": "Allow",
    "direction": "Inbound",
    "priority": 100,
    "sourceAddressPrefix": "127.0.0.1/32",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "22",
}


class Lab:
    """One VM behind a security group on a server whose clock only the test moves.

    Args:
        status: the server.
        name: resource group.
    """

    def __init__(self, status: Status, name: str) -> None:
        self.azure = RawAzure(status)
        self.group = Group(self.azure, name)
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.rules = self.group.network("networkSecurityGroups", "nsg")

    def begin(self, rules: list[dict[str, Any]]) -> Any:
        """Begin to create the VM `box`; returns the answer."""
        security = self.group.put(self.rules, {"securityRules": rules})
        nic = self.group.nic("nic", networkSecurityGroup={"id": security["id"]})
        properties = self.group.vm_body(nic)
        linux = properties["osProfile"]["linuxConfiguration"]
        linux["ssh"]["publicKeys"][0]["keyData"] = self.key.export_public_key().decode().strip()
        body = {"location": "eastus", "properties": properties}
        return self.azure.call("PUT", self.group.vm("box"), body)

    def act(self, action: str, seconds: float) -> None:
        """POST an action and let time pass until it has ended."""
        self.azure.call("POST", f"{self.group.vm('box')}/{action}")
        self.azure.advance(seconds)

    def ssh_rule(self, method: str) -> None:
        """PUT or DELETE the rule that admits SSH."""
        body = {"properties": ALLOW} if method == "PUT" else None
        assert self.azure.call(method, f"{self.rules}/securityRules/ssh", body).is_success

    async def run(self, command: str) -> str:
        """Standard output of a command on the VM.

        Raises:
            OSError: no connection.
        """
        properties = self.azure.get(self.group.network("publicIPAddresses", "nic-ip"))["properties"]
        async with asyncssh.connect(
            properties["ipAddress"],
            self.azure.status.ssh_port,
            username=ADMIN,
            client_keys=[self.key],
            known_hosts=None,
            config=None,
            connect_timeout=5,
        ) as connection:
            done = await asyncio.wait_for(connection.run(command, check=True), 20)
        return str(done.stdout)

    async def says_hello(self, within_seconds: float = SILENCE_SECONDS) -> bool:
        """Whether sshd greets the caller; a denied packet is never answered."""
        properties = self.azure.get(self.group.network("publicIPAddresses", "nic-ip"))["properties"]
        try:
            reader, writer = await asyncio.open_connection(
                properties["ipAddress"], self.azure.status.ssh_port
            )
            greeting = await asyncio.wait_for(reader.readline(), within_seconds)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return greeting.startswith(b"SSH-2.0-")


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
