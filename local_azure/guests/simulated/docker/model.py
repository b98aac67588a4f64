"""What Docker keeps: images, containers, cache; and the one file that holds them.

The file is in Docker's data-root, so that it is on the disk that the data-root is on: lost with a
wiped temp disk, captured with an OS disk. All times are cloud times in seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local_azure.guests.simulated.durable import load_json, save_json

STATE_FILE = "engine.json"
RUNNING, EXITED, CREATED = "running", "exited", "created"


@dataclass
class Image:
    """One image.

    Attributes:
        id: `sha256:...` of the content.
        references: canonical tags.
        digests: canonical repository digests.
        size_bytes: size on the disk.
        created: when it was built.
        layers: layer digests, lowest first.
        lineage: canonical names of the images that it was built from, itself included.
        config: `Env`, `Cmd`, `Entrypoint`, `Labels`, `ExposedPorts`, `WorkingDir`.
    """

    id: str
    references: list[str]
    digests: list[str]
    size_bytes: int
    created: float
    layers: list[str]
    lineage: list[str]
    config: dict[str, Any] = field(default_factory=dict)


@dataclass
class Windows:
    """QEMU in one run of a Windows container.

    Attributes:
        started_at: when QEMU starts.
        booted_at: when Windows answers.
        is_first: whether Windows is being installed.
        powered_down_at: when the power button was pressed, or None.
        ends_at: when QEMU is gone, or None.
    """

    started_at: float
    booted_at: float
    is_first: bool
    powered_down_at: float | None = None
    ends_at: float | None = None


@dataclass
class Container:
    """One container.

    Attributes:
        id: 64 hexadecimal digits.
        name: without slash.
        image_id: image.
        image: reference as it was given.
        argv: command.
        created: when it was made.
        options: `docker run`'s options, see `containers.Wanted`.
        status: created, running or exited.
        started_at: start of the last run.
        finished_at: end of the last run.
        exit_code: of the last run.
        is_stopped_by_hand: `docker stop`, which restart policies respect.
        restarts: how often a policy restarted it.
        windows: QEMU of the last run, None when it is no Windows container.
        log: lines of runs that ended.
        error: why it did not start.
    """

    id: str
    name: str
    image_id: str
    image: str
    argv: list[str]
    created: float
    options: dict[str, Any]
    status: str = CREATED
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    is_stopped_by_hand: bool = False
    restarts: int = 0
    windows: Windows | None = None
    log: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self.status == RUNNING


@dataclass
class Engine:
    """Everything in a data-root.

    Attributes:
        images: by id.
        containers: by id, oldest first.
        cache: build cache: step key -> image size so far.
        pushed: canonical reference -> image id.
    """

    images: dict[str, Image] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    cache: dict[str, int] = field(default_factory=dict)
    pushed: dict[str, str] = field(default_factory=dict)


def weight_of(images: list[Image]) -> int:
    """Bytes that images take on a disk; layers that they share count once."""
    total = 0
    for image in images:
        bases = [
            base.size_bytes
            for base in images
            if base is not image and image.layers[: len(base.layers)] == base.layers
        ]
        total += image.size_bytes - max(bases, default=0)
    return total


def load_engine(folder: Path) -> Engine:
    """What a data-root holds; nothing for a new one."""
    kept = load_json(folder / STATE_FILE, {})
    containers = {key: _container(value) for key, value in kept.get("containers", {}).items()}
    images = {key: Image(**value) for key, value in kept.get("images", {}).items()}
    rest = {name: kept.get(name, {}) for name in ("cache", "pushed")}
    return Engine(images=images, containers=containers, **rest)


def save_engine(folder: Path, engine: Engine) -> None:
    """Keep what a data-root holds."""
    save_json(folder / STATE_FILE, asdict(engine))


def _container(value: dict[str, Any]) -> Container:
    windows = value.get("windows")
    return Container(**{**value, "windows": Windows(**windows) if windows else None})
