"""Which kind of guest a cloud runs: `simulated` (SSH, programs, Docker, Windows) or `none`.

`none` is for work on the Azure side alone: VMs have power states and disks, and nobody at home.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from local_azure.catalog import Durations
from local_azure.guests.base import GuestHost, GuestSpec, Network

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

KINDS = ("simulated", "none")
BASE_BYTES = int(2.2 * (1 << 30))
"""What Ubuntu takes of its disk."""


class NoGuests:
    """VMs without an operating system; every command succeeds and nothing listens."""

    async def power_on(self, spec: GuestSpec, at: float, ssh_open_at: float) -> None:
        """Nothing boots."""

    async def power_off(self, vm_id: str, *, is_orderly: bool) -> None:
        """Nothing was running."""

    def used_bytes(self, os_disk: Path) -> int:  # noqa: ARG002 # the protocol's
        """What Canonical's image comes with."""
        return BASE_BYTES

    async def close(self) -> None:
        """Nothing is open."""


def make_guests(cloud: Cloud, kind: str, profile: Path | None, ca_file: Path) -> GuestHost:
    """The guest host of a cloud.

    Args:
        cloud: whose VMs.
        kind: one of `KINDS`.
        profile: durations file; None for the default.
        ca_file: certificate of the cloud's own authority.
    """
    if kind == "none":
        return NoGuests()
    from local_azure.guests.durations import GuestDurations  # noqa: PLC0415 # asyncssh: 0.3 s
    from local_azure.guests.simulated import SimulatedGuests  # noqa: PLC0415 # same

    durations = GuestDurations.from_table(Durations.load(profile).tables["guest"])
    machines = cloud.machines
    network = Network(cloud.ssh_port, machines.is_allowed, cloud.registry_mirror, ca_file)
    return SimulatedGuests(cloud.clock, durations, network, machines.on_shutdown)
