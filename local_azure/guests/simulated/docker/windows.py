"""dockur's rules for the Windows disk on `/storage`, and how a run of QEMU goes over time.

Windows counts as installed only when `windows.boot` exists and `windows.base` fits the version
asked for; otherwise everything is deleted and installed again. The marker is written when QEMU has
ended by itself after Windows had booted from its disk: by the power button (`system_powerdown`) or
the monitor's `quit`. A signal never reaches QEMU, so a stopped or killed container has no marker
to write.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from local_azure.guests.simulated.docker.model import Container, Image, Windows
from local_azure.guests.simulated.durable import write_atomically
from local_azure.guests.simulated.space import write_windows_disk

STORAGE = "/storage"
ENTRY = "run/entry.sh"
MARKER, BASE = "windows.boot", "windows.base"
STALE = ("data.*", "windows.*", "*.rom", "*.vars")
DEFAULT_VERSION = "11"
INSTALLED_GIB = 26.0
"""What Windows 11 with WAA's programs takes of its 64 GiB disk."""
NO_KVM = 88
"""dockur's exit code without KVM."""
WITHOUT_KVM = 10.0
"""How many times slower Windows is when KVM was refused on purpose (`KVM=N`)."""


VIEWER = "http://127.0.0.1:8006/"
ARROW = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"


def is_windows(image: Image) -> bool:
    """Whether an image has dockur's entry point: it is dockur's or WAA's, or built from one."""
    return ENTRY in image.files


def base_name(version: str) -> str:
    """What `windows.base` says for a version."""
    plain = version.lower().removeprefix("win").removeprefix("dows")
    return f"win{plain}x64.iso"


def is_installed(storage: Path, version: str) -> bool:
    """The question dockur asks: marker there, and the base fits."""
    base = storage / BASE
    if not (storage / MARKER).is_file() or not base.is_file():
        return False
    return base.read_text().strip() == base_name(version) and (storage / "data.img").is_file()


def prepare(storage: Path, version: str, seed: str) -> bool:
    """Make `/storage` ready for QEMU; whether Windows has to be installed.

    Args:
        storage: host path of `/storage`.
        version: the version asked for.
        seed: what the network card's address is derived from.
    """
    storage.mkdir(parents=True, exist_ok=True)
    if is_installed(storage, version):
        return False
    for pattern in STALE:
        for file in storage.glob(pattern):
            if not file.is_dir() or file.is_symlink():
                file.unlink()
    digits = hashlib.sha256(seed.encode()).hexdigest()[:6].upper()
    address = ":".join(["02", "15", "5D", digits[:2], digits[2:4], digits[4:]])
    write_atomically(storage / BASE, f"{base_name(version)}\n".encode())
    write_atomically(storage / "windows.ver", f"{version}\n".encode())
    write_atomically(storage / "windows.mac", f"{address}\n".encode())
    for name in ("windows.rom", "windows.vars"):
        write_atomically(storage / name, name.encode())
    write_windows_disk(storage / "data.img", INSTALLED_GIB)
    return True


def finish(storage: Path, run: Windows) -> None:
    """QEMU ended by itself: dockur writes the marker if Windows had booted from its disk."""
    pressed = run.powered_down_at
    if pressed is not None and pressed >= run.booted_at and storage.is_dir():
        write_atomically(storage / MARKER, b"")


def logs(container: Container, now: float) -> list[str]:
    """What the container of a run has printed until now."""
    run = container.windows
    if run is None:
        return [container.error] if container.error else []
    length = run.booted_at - run.started_at
    steps = _first_steps(length) if run.is_first else _warm_steps()
    steps.append(
        (
            length,
            f"{ARROW} Windows started successfully, visit {VIEWER} to view the screen...",
        )
    )
    lines = [text for after, text in steps if run.started_at + after <= now]
    if run.ends_at is not None and run.ends_at <= now:
        lines.append(f"{ARROW} Windows has shut down, QEMU ended.")
    return [f"{ARROW} Starting Windows for Docker v5.07...", *lines]


def _warm_steps() -> list[tuple[float, str]]:
    return [(0.0, f"{ARROW} Booting Windows using QEMU v10.0.2...")]


def _first_steps(length: float) -> list[tuple[float, str]]:
    shares = (
        (0.0, f"{ARROW} Requesting Windows 11 from Microsoft server..."),
        (0.02, f"{ARROW} Downloading Windows 11..."),
        (0.20, f"{ARROW} Extracting Windows 11 image..."),
        (0.25, f"{ARROW} Adding drivers to image..."),
        (0.28, f"{ARROW} Adding win11x64.xml for automatic installation..."),
        (0.30, f"{ARROW} Building Windows 11 image..."),
        (0.33, f"{ARROW} Creating a 64 GB growable disk image in raw format..."),
        (0.34, f"{ARROW} Booting Windows using QEMU v10.0.2..."),
    )
    return [(share * length, text) for share, text in shares]
