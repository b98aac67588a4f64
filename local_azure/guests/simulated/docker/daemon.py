"""Docker Engine in a guest: when it runs, which data-root it uses, what power does to containers.

Nothing ticks: the state of containers at a moment is worked out from times when somebody looks
(`settle`). Every change is on the disk before it is acknowledged.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from local_azure.guests.simulated import faults, system
from local_azure.guests.simulated.accounts import ROOT
from local_azure.guests.simulated.boot import save_boot
from local_azure.guests.simulated.docker import execution, lifecycle, rootfs
from local_azure.guests.simulated.docker.model import (
    Container,
    Engine,
    load_engine,
    save_engine,
    weight_of,
)
from local_azure.guests.simulated.docker.services import Service, publishes, state_of
from local_azure.guests.simulated.docker.settings import DEFAULT_ROOT, daemon_root
from local_azure.guests.simulated.files import is_under
from local_azure.guests.simulated.processes import Place
from local_azure.guests.simulated.running import ProgramError, Run

if TYPE_CHECKING:
    from local_azure.guests.simulated.guest import Guest

SOCKET = "unix:///var/run/docker.sock"
LOST_POWER = 255


class Daemon:
    """Docker Engine of one guest.

    Args:
        guest: the VM.
    """

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.root = DEFAULT_ROOT
        self.engine = Engine()
        self.pulls: dict[str, asyncio.Lock] = {}
        self.alarms: dict[Place, asyncio.Task[None]] = {}
        self._state = "inactive"

    def unit_state(self) -> str:
        """The unit's state: active, inactive or failed."""
        return self._state

    def check(self, run: Run) -> None:
        """Refuse a client that cannot reach the engine; bring the containers up to now.

        Raises:
            ProgramError: in Docker's words.
        """
        if self._state != "active":
            raise ProgramError(
                f"Cannot connect to the Docker daemon at {SOCKET}. Is the docker daemon running?"
            )
        if run.user != ROOT and "docker" not in run.groups:
            raise ProgramError(
                "permission denied while trying to connect to the Docker daemon socket at"
                f" {SOCKET}: dial unix /var/run/docker.sock: connect: permission denied"
            )
        self.settle(self.guest.clock.now())

    def boot(self) -> None:
        """A new kernel: the engine starts, and with it what has a restart policy."""
        self._state = "inactive"
        if system.is_installed(self.guest, "docker"):
            self.start()

    def resume(self) -> None:
        """The same boot goes on after a restart of the server."""
        if system.is_installed(self.guest, "docker") and "docker" not in self.guest.boot.stopped:
            self._load()

    def start(self) -> None:
        """Start the engine."""
        if self._state == "active":
            return
        self._mark_stopped(is_stopped=False)
        self._load()
        now = self.guest.clock.now()
        at = max(self.guest.boot.booted_at, now) if self._state == "active" else now
        if self._state == "active":
            for container in self.engine.containers.values():
                if not container.is_running and lifecycle.starts_with_engine(container):
                    lifecycle.start_again(self, container, at)
            self.save()

    def stop(self) -> None:
        """Stop the engine: containers are stopped with it."""
        if self._state == "active":
            self.shut_down(self.guest.clock.now())
        self._state = "inactive"
        self._mark_stopped(is_stopped=True)

    def shut_down(self, now: float) -> None:
        """SIGTERM, then SIGKILL for every container; policies start them with the engine again."""
        self.settle(now)
        for container in self._running():
            lifecycle.stop_now(self, container, now, lifecycle.stop_timeout(container))
        self._save_if_there()

    def lose_power(self, now: float) -> None:
        """The plug is pulled: nothing is written any more."""
        if self._state != "active":
            self._load()
        self.settle(now)
        for container in self._running():
            lifecycle.end(container, now, LOST_POWER)
        self._save_if_there()

    def settle(self, now: float) -> None:
        """Let everything have happened that was due until `now`."""
        is_changed = False
        for container in list(self._running()):
            is_changed |= lifecycle.settle(self, container, now)
        if is_changed:
            self.save()

    def service(self, port: int, now: float) -> Service | None:
        """What listens on a port of the guest's loopback at `now`."""
        self.settle(now)
        found = (publishes(container, port) for container in self.engine.containers.values())
        return next((service for service in found if service), None)

    def service_state(self, service: Service, now: float) -> str:
        """How a service behaves at `now`."""
        self.settle(now)
        container = self.engine.containers.get(service.container_id)
        is_frozen = self.guest.is_hit(faults.WINDOWS_FROZEN)
        return state_of(container, service.container_port, now, is_frozen=is_frozen)

    def host(self, path: str) -> Path:
        """The host's path of a guest path."""
        return self.guest.files.host(path)

    def save(self) -> None:
        """Keep the engine's state; programs and files of containers follow it."""
        save_engine(self.host(self.root), self.engine)
        execution.reap(self)
        rootfs.sweep(self)

    def weight_on(self, mount: str) -> int:
        """Bytes that images take on the disk mounted at `mount`."""
        on_temp = is_under(self.root, "/mnt") and self.guest.spec.temp_disk is not None
        if on_temp != (mount == "/mnt"):
            return 0
        return weight_of(list(self.engine.images.values()))

    def _running(self) -> list[Container]:
        return [each for each in self.engine.containers.values() if each.is_running]

    def _load(self) -> None:
        """Read configuration and data-root."""
        try:
            self.root = daemon_root(self.guest.files)
        except (ValueError, AttributeError, OSError):
            self._state = "failed"
            return
        self.engine = load_engine(self.host(self.root))
        self._state = "active"

    def _save_if_there(self) -> None:
        if self._state == "active" or self.engine.containers:
            self.save()

    def _mark_stopped(self, *, is_stopped: bool) -> None:
        guest = self.guest
        stopped = tuple({"docker"} if is_stopped else set())
        if guest.boot.stopped != stopped and guest.boot.booted_at != math.inf:
            guest.boot = replace(guest.boot, stopped=stopped)
            save_boot(guest.files, guest.boot)
