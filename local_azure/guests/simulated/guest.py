"""One simulated VM: its disks, accounts, boot, SSH port, cloud-init and Docker, put together.

Holds no behaviour of its own beyond power: what a boot does, what is lost when power goes. Idle, a
guest is a listening socket and no timer.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from local_azure.guests.base import Clock, GuestSpec
from local_azure.guests.durations import GuestDurations
from local_azure.guests.simulated import faults, system
from local_azure.guests.simulated.accounts import ROOT, Accounts
from local_azure.guests.simulated.boot import Boot, load_boot, save_boot
from local_azure.guests.simulated.cloud_init import CloudInit
from local_azure.guests.simulated.docker.daemon import Daemon
from local_azure.guests.simulated.docker.transport import Transport
from local_azure.guests.simulated.files import GuestFiles
from local_azure.guests.simulated.processes import ProcessTable
from local_azure.guests.simulated.programs.table import PROGRAMS
from local_azure.guests.simulated.running import Program
from local_azure.guests.simulated.ssh import SshPort

T = TypeVar("T")
log = logging.getLogger(__name__)
VOLATILE = ("/tmp", "/run")  # noqa: S108 # the guest's own
REBOOT_SECONDS = 25.0
"""From the end of one kernel to sshd of the next, in cloud seconds."""


@dataclass(frozen=True)
class Surroundings:
    """What a guest has from its host.

    Attributes:
        clock: the cloud's clock.
        durations: how long things take.
        ssh_port: port on every guest's address.
        is_allowed: (source address) -> whether the network admits it.
        transport: the way to registries.
        shut_down: called when the guest powers itself off.
    """

    clock: Clock
    durations: GuestDurations
    ssh_port: int
    is_allowed: Callable[[str], bool]
    transport: Transport
    shut_down: Callable[[], None]


class Guest:
    """One VM with power.

    Args:
        spec: the VM.
        around: what it has from its host.
    """

    def __init__(self, spec: GuestSpec, around: Surroundings) -> None:
        self.spec, self.around = spec, around
        self.clock, self.durations = around.clock, around.durations
        self.files = GuestFiles(spec.os_disk, spec.temp_disk)
        self.accounts = Accounts(self.files)
        self.faults = faults.Faults()
        self.processes = ProcessTable(self)
        self.cloud_init = CloudInit(self)
        self.docker = Daemon(self)
        self.boot = Boot(spec.vm_id, 0.0, 0.0, 0.0)
        self._port = SshPort(self, around.ssh_port, around.is_allowed)
        self._tasks: set[asyncio.Task[Any]] = set()

    def power_on(self, at: float, ssh_open_at: float) -> None:
        """Boot, or go on with the boot that this power-on began.

        Args:
            at: cloud time of the power-on.
            ssh_open_at: cloud time at which sshd listens.
        """
        before = load_boot(self.files)
        if before and before.goes_on(self.spec.vm_id, at):
            self.boot = before
            self.docker.resume()
        else:
            if before and before.off_at is None:
                self.docker.lose_power(min(at, self.clock.now()))
            self._begin(Boot(self.spec.vm_id, at, at, ssh_open_at))
        self._go()

    def power_off(self, *, is_orderly: bool) -> None:
        """Lose power; what was acknowledged is on the disks."""
        now = self.clock.now()
        self._end_kernel(now, is_orderly=is_orderly)
        self.boot = replace(self.boot, off_at=now)
        save_boot(self.files, self.boot)

    def detach(self) -> None:
        """Stop simulating; the boot goes on when the server comes back."""
        self._port.close()
        self._port.cut()
        for task in list(self._tasks):
            task.cancel()

    def reboot(self, *, is_orderly: bool) -> None:
        """A new kernel under the same power-on."""
        now = self.clock.now()
        self._end_kernel(now, is_orderly=is_orderly)
        self._begin(Boot(self.spec.vm_id, self.boot.power_on_at, now, now + REBOOT_SECONDS))
        self._go()

    def inject(self, fault: faults.Fault) -> None:
        """Cause trouble; see `faults`."""
        now = self.clock.now()
        if fault.kind == faults.SSH_CUT:
            self._port.cut()
        elif fault.kind == faults.HOST_RESTART:
            self.reboot(is_orderly=False)
        else:
            self.faults.set(fault, now)
        if fault.kind == faults.SSH_REFUSED:
            self._port.close()
            self.start_task(self._reopen(now if fault.is_off else now + fault.seconds))

    def is_hit(self, kind: str) -> bool:
        """Whether a lasting fault is on."""
        return self.faults.is_on(kind, self.clock.now())

    def check_space(self) -> None:
        """Refuse to write to a full disk.

        Raises:
            OSError: ENOSPC.
        """
        if self.is_hit(faults.DISK_FULL):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def authorized_keys(self, user: str) -> set[str]:
        """Key blobs that may log in as a user, from the user's own file."""
        if user not in self.accounts.users() or user == ROOT:
            return set()
        file = self.files.host(f"{self.accounts.home(user)}/.ssh/authorized_keys")
        try:
            lines = file.read_text().splitlines()
        except OSError:
            return set()
        return {word for line in lines for word in line.split() if word.startswith("AAAA")}

    def programs(self) -> Mapping[str, Program]:
        """The programs that are installed, also those that come while a line runs."""
        return InstalledPrograms(self)

    def start_task(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do something beside, until power goes."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @contextmanager
    def running_task(self) -> Iterator[None]:
        """The current task ends when power goes."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("needs a task")
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    def _begin(self, boot: Boot) -> None:
        """A new kernel: volatile files go, services start."""
        self.boot = boot
        self.faults.clear()
        for folder in VOLATILE:
            shutil.rmtree(self.files.host(folder), ignore_errors=True)
        system.lay_out(self)
        self.cloud_init.boot()
        self.docker.boot()
        save_boot(self.files, boot)

    def _go(self) -> None:
        self.start_task(self.cloud_init.finish())
        if self.spec.address:
            self.start_task(self._reopen(self.boot.ssh_open_at))

    def _end_kernel(self, now: float, *, is_orderly: bool) -> None:
        self.detach()
        if is_orderly:
            self.docker.shut_down(now)
        else:
            self.docker.lose_power(now)

    async def _reopen(self, at: float) -> None:
        """Let sshd listen at a time, unless a fault says otherwise then."""
        if at < float("inf"):
            await self.clock.sleep_until(max(at, self.boot.ssh_open_at))
        if self.spec.address and not self.is_hit(faults.SSH_REFUSED):
            try:
                self._port.open()
            except OSError as error:
                log.error("%s: no SSH on %s: %s", self.spec.name, self.spec.address, error)  # noqa: TRY400 # the reason is enough


class InstalledPrograms(Mapping[str, Program]):
    """The table of programs without those whose package is not installed.

    Args:
        guest: the VM.
    """

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def __getitem__(self, name: str) -> Program:
        if name in system.INSTALLABLE and not system.is_installed(self._guest, name):
            raise KeyError(name)
        return PROGRAMS[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in PROGRAMS if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        try:
            self[str(name)]
        except KeyError:
            return False
        return True
