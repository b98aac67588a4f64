"""A guest as tests see it: power, an SSH client of its own, and time that passes when told.

`Machine` is what the conformance suite needs; another kind of guest gets a class of the same shape.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import socket
import tomllib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncssh
from public_registries import public_registries

from local_azure.clock import CloudClock
from local_azure.guests.base import GuestSpec, Network
from local_azure.guests.durations import GuestDurations
from local_azure.guests.simulated import SimulatedGuests

ROOT = Path(__file__).parents[1]
PROFILE = ROOT / "local_azure" / "profiles" / "default.toml"
STEP_SECONDS = 10.0
ADMIN = "azureuser"
SSH_AFTER_SECONDS = 30.0
RUN_WINDOWS = (
    "docker run -d --name winarena --device /dev/kvm --cap-add NET_ADMIN --stop-timeout 120"
    " -p 127.0.0.1:5000:5000 -p 127.0.0.1:8006:8006 -v /opt/waa/storage:/storage dockurr/windows"
)
NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def durations() -> GuestDurations:
    """Those of the default profile."""
    return GuestDurations.from_table(tomllib.loads(PROFILE.read_text())["guest"])


class Machine:
    """One simulated VM on a guest host of its own; its clock moves only when a test moves it.

    Args:
        folder: where disks and clock are.
        fields: of `GuestSpec`, to differ from a D8ds_v5 without user data.
    """

    def __init__(self, folder: Path, **fields: Any) -> None:
        self.folder = folder
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.port = free_port()
        self.allowed = True
        self.ca_file: Path | None = None
        self.shut_down: list[str] = []
        self.spec = self._spec(folder, fields)
        self.clock = CloudClock(folder / "clock.json", 1.0)
        self.host = self._host()
        self.at = self.clock.now()

    def _spec(self, folder: Path, fields: dict[str, Any]) -> GuestSpec:
        number = next(NUMBERS)
        for name in ("os", "temp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        spec = GuestSpec(
            vm_id=f"vm-{number}",
            name=f"waa-pool-{number:02}",
            address=f"127.{10 + os.getpid() % 200}.{number // 250}.{number % 250 + 2}",
            admin_username=ADMIN,
            authorized_keys=(self.key.export_public_key().decode().strip(),),
            user_data=b"",
            os_disk=folder / "os",
            temp_disk=folder / "temp",
            vcpus=8,
            memory_gib=32.0,
            os_disk_gib=128,
            is_nested=True,
        )
        return replace(spec, **fields)

    def _host(self) -> SimulatedGuests:
        async def on_shutdown(vm_id: str) -> None:
            self.shut_down.append(vm_id)

        mirror = public_registries().mirror
        network = Network(self.port, lambda *_: self.allowed, mirror, self.ca_file)
        return SimulatedGuests(self.clock, durations(), network, on_shutdown)

    async def boot(self) -> None:
        """Give power, and let time pass until sshd listens."""
        self.at = self.clock.now()
        await self.host.power_on(self.spec, self.at, self.at + SSH_AFTER_SECONDS)
        await self.pass_time(SSH_AFTER_SECONDS)

    async def install(self) -> None:
        """Boot and wait for cloud-init."""
        await self.boot()
        await self.pass_time(durations().cloud_init)

    async def power_off(self, *, is_orderly: bool) -> None:
        """Take the power."""
        await self.host.power_off(self.spec.vm_id, is_orderly=is_orderly)

    def wipe_temp_disk(self) -> None:
        """What a deallocation does to `/mnt`."""
        shutil.rmtree(self.folder / "temp")
        (self.folder / "temp").mkdir()

    async def restart_server(self) -> None:
        """The server is killed and comes back with the same disks and the same power-on."""
        await self.host.close()
        self.clock.stop()
        self.clock = CloudClock(self.folder / "clock.json", 1.0)
        self.host = self._host()
        await self.host.power_on(self.spec, self.at, self.at + SSH_AFTER_SECONDS)
        await self.pass_time(1)

    async def pass_time(self, seconds: float) -> None:
        """Let cloud time pass."""
        await self.clock.advance(seconds)
        await asyncio.sleep(0.01)

    @contextlib.asynccontextmanager
    async def connect(self, **options: Any) -> AsyncIterator[asyncssh.SSHClientConnection]:
        """An SSH connection of the administrator."""
        wanted = {"username": ADMIN, "client_keys": [self.key], "known_hosts": None, "config": None}
        address = self.spec.address
        async with asyncssh.connect(address, self.port, **{**wanted, **options}) as connection:
            yield connection

    async def run(self, command: str, data: str | None = None) -> Result:
        """Run a command; no time passes."""
        async with self.connect() as connection:
            done = await connection.run(
                command, input=data, stdin=None if data else asyncssh.DEVNULL
            )
        return Result(int(done.exit_status or 0), str(done.stdout), str(done.stderr))

    async def patiently(self, command: str, data: str | None = None) -> Result:
        """Run a command and let time pass until it has ended."""
        running = asyncio.ensure_future(self.run(command, data))
        while not running.done():
            await asyncio.wait({running}, timeout=0.01)
            # While nothing waits for the clock, the machine is slow, not the guest: no time passes.
            if not running.done() and self.clock.next_due() is not None:
                await self.clock.advance(STEP_SECONDS)
        return running.result()

    async def must(self, command: str, data: str | None = None) -> str:
        """Standard output of a command that has to succeed; time passes."""
        result = await self.patiently(command, data)
        assert result.code == 0, f"{command}: {result}"
        return result.out

    async def close(self) -> None:
        """Stop the guest host."""
        await self.host.close()
        self.clock.stop()


Make = Callable[..., Machine]
"""Makes a VM with fields of `GuestSpec`."""
