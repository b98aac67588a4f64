"""VMs with guests in a resource group of a test's own, reached by SSH as their administrator."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import asyncssh
from raw_azure import Group, RawAzure

from local_azure.control import Status

ADMIN = "azureuser"
SILENCE_SECONDS = 0.5
STEP_SECONDS = 10.0
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
SSH_RULE = {"name": "ssh", "properties": ALLOW}


class Lab:
    """VMs behind a security group on a server whose clock only the test moves.

    Args:
        status: the server.
        name: resource group.
    """

    def __init__(self, status: Status, name: str) -> None:
        self.azure = RawAzure(status)
        self.group = Group(self.azure, name)
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.rules = self.group.network("networkSecurityGroups", "nsg")

    def begin(
        self,
        rules: list[dict[str, Any]],
        name: str = "box",
        *,
        image: str = "",
        user_data: str = "",
    ) -> Any:
        """Begin to create a VM; returns the answer.

        Args:
            rules: of the security group.
            name: the VM's.
            image: id of a managed image; Ubuntu when empty.
            user_data: for cloud-init.
        """
        security = self.group.put(self.rules, {"securityRules": rules})
        nic = self.group.nic(f"{name}-nic", networkSecurityGroup={"id": security["id"]})
        properties = self.group.vm_body(nic)
        profile = properties["osProfile"] | {"computerName": name}
        keys = profile["linuxConfiguration"]["ssh"]["publicKeys"]
        keys[0]["keyData"] = self.key.export_public_key().decode().strip()
        if user_data:
            profile["customData"] = base64.b64encode(user_data.encode()).decode()
        properties["osProfile"] = profile
        if image:
            properties["storageProfile"]["imageReference"] = {"id": image}
        body = {"location": "eastus", "properties": properties}
        return self.azure.call("PUT", self.group.vm(name), body)

    def act(self, action: str, seconds: float) -> None:
        """POST an action on `box` and let time pass until it has ended."""
        self.azure.call("POST", f"{self.group.vm('box')}/{action}")
        self.azure.advance(seconds)

    def ssh_rule(self, method: str) -> None:
        """PUT or DELETE the rule that admits SSH."""
        body = {"properties": ALLOW} if method == "PUT" else None
        assert self.azure.call(method, f"{self.rules}/securityRules/ssh", body).is_success

    def connect(self, name: str = "box") -> Any:
        """An SSH connection, as a context."""
        return asyncssh.connect(
            self.address(name),
            self.azure.status.ssh_port,
            username=ADMIN,
            client_keys=[self.key],
            known_hosts=None,
            config=None,
            connect_timeout=5,
        )

    async def run(self, command: str, name: str = "box") -> str:
        """Standard output of a command on a VM that must succeed.

        Raises:
            OSError: no connection.
        """
        async with self.connect(name) as connection:
            done = await asyncio.wait_for(connection.run(command, check=True), 20)
        return str(done.stdout)

    async def patiently(self, command: str, name: str = "box") -> str:
        """Like `run`; time passes until the command has ended."""
        running = asyncio.ensure_future(self.run(command, name))
        while not running.done():
            await asyncio.wait({running}, timeout=0.2)
            self.azure.advance(STEP_SECONDS)
        return running.result()

    async def host_key(self, name: str = "box") -> bytes:
        """The public key that a VM's sshd shows."""
        async with self.connect(name) as connection:
            shown: bytes = connection.get_server_host_key().export_public_key()
        return shown

    async def says_hello(self, within_seconds: float = SILENCE_SECONDS) -> bool:
        """Whether `box`'s sshd greets the caller; a denied packet is never answered."""
        try:
            reader, writer = await asyncio.open_connection(
                self.address("box"), self.azure.status.ssh_port
            )
            greeting = await asyncio.wait_for(reader.readline(), within_seconds)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return greeting.startswith(b"SSH-2.0-")

    def address(self, name: str) -> str:
        """A VM's public address."""
        path = self.group.network("publicIPAddresses", f"{name}-nic-ip")
        return str(self.azure.get(path)["properties"]["ipAddress"])
