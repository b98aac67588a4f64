"""How full a guest's disks are: a model, because the files that stand for big ones are small here.

Counted: the base system, Docker's images, every Windows disk (`data.img` says how much it stands
for), and the bytes of all real files. A full disk is also a fault (`faults.DISK_FULL`).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local_azure.guests.simulated import faults
from local_azure.guests.simulated.docker.model import load_engine, weight_of
from local_azure.guests.simulated.docker.settings import DEFAULT_ROOT, daemon_root
from local_azure.guests.simulated.files import GuestFiles, is_under

if TYPE_CHECKING:
    from local_azure.guests.simulated.guest import Guest

GIB = 1 << 30
BASE_BYTES = int(2.2 * GIB)
TEMP_BYTES_PER_VCPU = 37 * GIB
"""Azure's d-sizes have 37 to 38 GiB of temp disk a vCPU."""
WINDOWS_DISK = "data.img"
STAND_IN_BYTES = 4096
"""A file that stands for a Windows disk is no larger."""
BLOCK_BYTES = 512
"""Unit of `st_blocks`."""


@dataclass(frozen=True)
class Disk:
    """One mounted disk; sizes in bytes."""

    device: str
    mount: str
    size: int
    used: int

    @property
    def available(self) -> int:
        """Free bytes."""
        return max(0, self.size - self.used)

    @property
    def used_percent(self) -> int:
        """Used share, rounded up as df does."""
        return -(-100 * min(self.used, self.size) // self.size)


def disks(guest: Guest) -> list[Disk]:
    """The mounted disks of a guest, `/` first."""
    size = guest.spec.os_disk_gib * GIB
    used = BASE_BYTES + _weight(guest.spec.os_disk) + guest.docker.weight_on("/")
    if guest.is_hit(faults.DISK_FULL):
        used = size
    found = [Disk("/dev/root", "/", size, used)]
    if guest.spec.temp_disk:
        used = _weight(guest.spec.temp_disk) + guest.docker.weight_on("/mnt")
        found.append(Disk("/dev/sdb1", "/mnt", guest.spec.vcpus * TEMP_BYTES_PER_VCPU, used))
    return found


def used_on(os_disk: Path) -> int:
    """Used bytes of an OS disk that no guest runs on, Docker's images included."""
    files = GuestFiles(os_disk, None)
    try:
        root = daemon_root(files)
    except (ValueError, AttributeError, OSError):
        root = DEFAULT_ROOT
    images = list(load_engine(files.host(root)).images.values())
    return BASE_BYTES + _weight(os_disk) + weight_of(images)


def disk_of(guest: Guest, path: str) -> Disk:
    """The disk that a cleaned guest path is on."""
    return [disk for disk in disks(guest) if is_under(path, disk.mount) or disk.mount == "/"][-1]


def write_windows_disk(file: Path, gib: float) -> None:
    """Make a small file that stands for a Windows disk."""
    file.write_text(json.dumps({"stands_for_bytes": int(gib * GIB)}))


def _weight(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            file = Path(parent, name)
            total += _windows_bytes(file) if name == WINDOWS_DISK else file.lstat().st_size
    return total


def _windows_bytes(file: Path) -> int:
    facts = file.lstat()
    if facts.st_size > STAND_IN_BYTES:  # a real one, not what stands for one: holes take nothing
        return facts.st_blocks * BLOCK_BYTES
    try:
        return int(json.loads(file.read_text())["stands_for_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return facts.st_size
