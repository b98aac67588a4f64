"""The border between the Azure side and the guests behind it.

The Azure side (providers) decides when a VM has power and which disks it has; a guest host runs
what is inside: boot, SSH server, programs, Docker, Windows. Both kinds of guest (simulated, qemu)
implement `GuestHost`, so that one conformance suite can hold them to the same behaviour.
This module holds types only; it refuses any behaviour.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class GuestSpec:
    """What the guest side needs to know of one VM when its power comes on.

    Attributes:
        vm_id: Azure's `vmId` (GUID), stable over the VM's life.
        name: `osProfile.computerName`.
        address: public loopback address (127.x.y.z) or "" if the VM has none (then no SSH).
        admin_username: `osProfile.adminUsername`.
        authorized_keys: OpenSSH public keys from `osProfile.linuxConfiguration.ssh`.
        user_data: decoded `osProfile.customData` (cloud-init user data), or b"".
        os_disk: folder that holds the OS disk's files; survives deallocation.
        temp_disk: folder that holds the temp disk's files (mounted on /mnt), or None if the size
            has none. The Azure side wipes it when the VM is deallocated.
        vcpus: number of virtual processors.
        memory_gib: memory in GiB.
        os_disk_gib: size of the OS disk in GiB.
        is_nested: whether the size offers nested virtualization (/dev/kvm).
    """

    vm_id: str
    name: str
    address: str
    admin_username: str
    authorized_keys: tuple[str, ...]
    user_data: bytes
    os_disk: Path
    temp_disk: Path | None
    vcpus: int
    memory_gib: float
    os_disk_gib: int
    is_nested: bool


class Clock(Protocol):
    """The cloud's clock, which runs `speed` times as fast as the wall."""

    @property
    def speed(self) -> float:
        """Cloud seconds per wall second."""

    def now(self) -> float:
        """Cloud time in seconds since the epoch."""

    async def sleep_until(self, cloud_time: float) -> None:
        """Wait until the cloud's clock shows `cloud_time` (also when it is advanced by hand)."""


IsAllowed = Callable[[str, str, int], bool]
"""(vm_id, source address, port) -> whether the network security rules admit the connection."""

OnShutdown = Callable[[str], Awaitable[None]]
"""Told the vm_id when the guest powers itself off (the VM is then Stopped, and billed)."""


@dataclass(frozen=True)
class Network:
    """What lies between the guests and the world.

    Attributes:
        ssh_port: port on every guest's own address.
        is_allowed: whether the network's rules admit a connection.
        mirror: `{mirror}/{host}/v2/` stands for `https://{host}/v2/` of public registries.
        ca_file: certificate of the authority that signs for registries; None: nobody signs.
    """

    ssh_port: int
    is_allowed: IsAllowed
    mirror: str
    ca_file: Path | None


class GuestHost(Protocol):
    """Runs the guests of one local Azure."""

    async def power_on(self, spec: GuestSpec, at: float, ssh_open_at: float) -> None:
        """Give a VM power; returns at once, the guest boots in the background.

        The same `at` again (after a restart of the server) is the same boot: containers go on.
        A new `at` is a new boot: containers without a restart policy have exited.

        Args:
            spec: the VM.
            at: cloud time of power on.
            ssh_open_at: cloud time at which sshd listens.
        """

    async def power_off(self, vm_id: str, *, is_orderly: bool) -> None:
        """Take a VM's power away.

        Args:
            vm_id: the VM; one that has no power is left alone.
            is_orderly: True for an ACPI shutdown of the guest (containers get SIGTERM, then
                SIGKILL), False when the plug is pulled.
        """

    def used_bytes(self, os_disk: Path) -> int:
        """How much of an OS disk that no guest runs on is used; may take a moment."""

    async def close(self) -> None:
        """Close every listener; guest state stays on the disks."""
