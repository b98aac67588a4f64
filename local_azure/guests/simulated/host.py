"""The guest host: every simulated VM of one local Azure, by its `vmId`.

Implements `base.GuestHost`; refuses nothing, decides nothing: power comes from the Azure side.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from local_azure.guests.base import Clock, GuestSpec, Network, OnShutdown
from local_azure.guests.durations import GuestDurations
from local_azure.guests.simulated import space
from local_azure.guests.simulated.docker.transport import Transport
from local_azure.guests.simulated.faults import read_fault
from local_azure.guests.simulated.guest import Guest, Surroundings

log = logging.getLogger(__name__)
SHUTDOWN_SECONDS = 5.0
"""From `poweroff` to the end of the kernel, in cloud seconds."""


class SimulatedGuests:
    """Simulated guests, one asyncio loop for all.

    Args:
        clock: the cloud's clock.
        durations: how long things take.
        network: what lies between the guests and the world.
        on_shutdown: told when a guest powered itself off.
    """

    def __init__(
        self,
        clock: Clock,
        durations: GuestDurations,
        network: Network,
        on_shutdown: OnShutdown,
    ) -> None:
        self._clock, self._durations = clock, durations
        self._network, self._on_shutdown = network, on_shutdown
        self._transport = Transport(network.mirror, network.ca_file)
        self._guests: dict[str, Guest] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def power_on(self, spec: GuestSpec, at: float, ssh_open_at: float) -> None:
        """Give a VM power; see `base.GuestHost`."""
        if running := self._guests.pop(spec.vm_id, None):
            if running.boot.power_on_at == at and running.spec == spec:
                self._guests[spec.vm_id] = running
                return
            if running.boot.power_on_at == at:
                running.detach()
            else:
                running.power_off(is_orderly=False)
        self._transport.warm_up()
        guest = Guest(spec, self._surroundings(spec.vm_id))
        self._guests[spec.vm_id] = guest
        guest.power_on(at, ssh_open_at)

    async def power_off(self, vm_id: str, *, is_orderly: bool) -> None:
        """Take a VM's power away; see `base.GuestHost`."""
        if guest := self._guests.pop(vm_id, None):
            guest.power_off(is_orderly=is_orderly)

    def used_bytes(self, os_disk: Path) -> int:
        """How much of an OS disk that no guest runs on is used; see `base.GuestHost`."""
        return space.used_on(os_disk)

    async def close(self) -> None:
        """Close every listener; guest state stays on the disks."""
        for task in list(self._leaving):
            task.cancel()
        for guest in self._guests.values():
            guest.detach()
        self._guests.clear()
        await self._transport.close()

    async def inject(self, vm_id: str, fault: Any) -> None:
        """Cause trouble in a guest.

        Args:
            vm_id: a VM with power.
            fault: see `faults`.

        Raises:
            ValueError: the fault is unknown, or the VM has no power.
        """
        wanted = read_fault(fault)
        guest = self._guests.get(vm_id)
        if guest is None:
            raise ValueError("the VM has no power")
        guest.inject(wanted)

    def _surroundings(self, vm_id: str) -> Surroundings:
        port = self._network.ssh_port
        return Surroundings(
            clock=self._clock,
            durations=self._durations,
            ssh_port=port,
            is_allowed=lambda source: self._network.is_allowed(vm_id, source, port),
            transport=self._transport,
            shut_down=lambda: self._shut_down(vm_id),
        )

    def _shut_down(self, vm_id: str) -> None:
        """A guest powers itself off: outside its own tasks, which end with it."""
        task = asyncio.create_task(self._leave(vm_id))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _leave(self, vm_id: str) -> None:
        await self._clock.sleep_until(self._clock.now() + SHUTDOWN_SECONDS)
        if vm_id in self._guests:
            await self.power_off(vm_id, is_orderly=True)
            await self._on_shutdown(vm_id)
