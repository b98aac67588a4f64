"""The Ubuntu that a disk comes with: its folders, its packages, its release file.

Packages are a short catalogue: what it does not list, apt cannot locate.
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from local_azure.guests.simulated.durable import write_atomically
from local_azure.guests.simulated.files import TEMP_MOUNT

if TYPE_CHECKING:
    from local_azure.guests.simulated.guest import Guest

FOLDERS = (
    "/dev", "/etc/ssh", "/home", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/bin",  # noqa: S108 # the guest's
    "/usr/local/bin", "/var/lib", "/var/log", "/var/tmp",  # noqa: S108 # the guest's
)  # fmt: skip
RELEASE = 'PRETTY_NAME="Ubuntu 24.04.2 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\n'
PACKAGES = "/var/lib/dpkg/info"
KNOWN = re.compile(
    r"docker\.io|docker-(ce|ce-cli|buildx|buildx-plugin|compose-v2|compose-plugin)|containerd(\.io)?"
    r"|curl|jq|ca-certificates|gnupg|qemu-(utils|kvm)|netcat-openbsd|cpu-checker|python3(-\w+)?|git"
    r"|unzip|tar|zstd|acl|xfsprogs|nvme-cli|htop|tmux|rsync|lsb-release|apt-transport-https"
    r"|software-properties-common"
)
PROVIDERS = {"docker": ("docker.io", "docker-ce")}
INSTALLABLE = frozenset(PROVIDERS)
"""Programs that are there only when a package brought them."""
KVM = "/dev/kvm"
MACHINE_ID = "/etc/machine-id"
UNINITIALIZED = "uninitialized"
JOURNAL = "/var/log/journal"
EMPTY_JOURNAL = b"LPKSHHRH" + bytes(56)
ARCHIVES = "/var/cache/apt/archives"
LISTS = "/var/lib/apt/lists"


def lay_out(guest: Guest) -> None:
    """Make the folders and files of a running system; what exists is left alone."""
    for folder in FOLDERS:
        guest.files.host(folder).mkdir(parents=True, exist_ok=True)
    (guest.spec.os_disk / TEMP_MOUNT).mkdir(exist_ok=True)  # the mount point, below the temp disk
    release = guest.files.host("/etc/os-release")
    if not release.exists():
        release.write_text(RELEASE)
    _make_machine_id(guest.files.host(MACHINE_ID))
    journal = guest.files.host(f"{JOURNAL}/system.journal")
    if not journal.exists():
        write_atomically(journal, EMPTY_JOURNAL)
    device = guest.files.host(KVM)
    if guest.spec.is_nested:
        device.touch()
    else:
        device.unlink(missing_ok=True)


def _make_machine_id(file: Path) -> None:
    """systemd's: one that is missing, empty or `uninitialized` is made anew."""
    kept = file.read_text().strip() if file.exists() else ""
    if kept in ("", UNINITIALIZED):
        write_atomically(file, f"{uuid.uuid4().hex}\n".encode())


def is_known(package: str) -> bool:
    """Whether apt can locate a package."""
    return KNOWN.fullmatch(package) is not None


def has_package(guest: Guest, package: str) -> bool:
    """Whether a package is installed."""
    return _mark(guest, package).exists()


def install(guest: Guest, packages: list[str]) -> None:
    """Install known packages; installing Docker starts it and makes its group."""
    had_docker = is_installed(guest, "docker")
    for package in packages:
        write_atomically(_mark(guest, package), b"/.\n")
        write_atomically(guest.files.host(f"{ARCHIVES}/{package}.deb"), b"!<arch>\n")
    if is_installed(guest, "docker") and not had_docker:
        guest.accounts.add_group("docker")
        guest.docker.start()


def is_installed(guest: Guest, program: str) -> bool:
    """Whether a package brought a program."""
    return any(has_package(guest, package) for package in PROVIDERS[program])


def _mark(guest: Guest, package: str) -> Path:
    return guest.files.host(f"{PACKAGES}/{package}.list")
