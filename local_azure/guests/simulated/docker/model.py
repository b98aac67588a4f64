"""What Docker keeps: images, containers, cache; and the one file that holds them.

The file is in Docker's data-root, so that it is on the disk that the data-root is on: lost with a
wiped temp disk, captured with an OS disk. All times are cloud times in seconds since the epoch.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from local_azure.guests.simulated.durable import load_json, save_json
from local_azure.oci.content import Layer

STATE_FILE = "engine.json"
FORM = 2
"""Number of the file's form; what an earlier one holds is lost, as with a new data-root."""
RUNNING, EXITED, CREATED = "running", "exited", "created"


@dataclass
class Image:
    """One image.

    Attributes:
        id: digest of its configuration.
        references: canonical tags.
        digests: canonical repository digests.
        created: when it was built.
        layers: lowest first.
        files: paths of the files in its layers, without a leading slash.
        config: `Env`, `Cmd`, `Entrypoint`, `Labels`, `ExposedPorts`, `WorkingDir`.
    """

    id: str
    references: list[str]
    digests: list[str]
    created: float
    layers: list[Layer]
    files: list[str]
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Size on the disk."""
        return sum(layer.size_bytes for layer in self.layers)


@dataclass
class Cached:
    """A build step that was done: the bytes of all layers up to it, and when it was done."""

    size_bytes: int
    created: float


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
        cache: build cache: step key -> what came of it.
        blobs: bytes of layers and configurations in base64, by digest.
    """

    images: dict[str, Image] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    cache: dict[str, Cached] = field(default_factory=dict)
    blobs: dict[str, str] = field(default_factory=dict)

    def layers(self) -> dict[str, Layer]:
        """Every layer that is there, by digest."""
        return {layer.digest: layer for image in self.images.values() for layer in image.layers}

    def blob(self, digest: str) -> bytes:
        """The bytes of a layer or configuration that is there."""
        return base64.b64decode(self.blobs[digest])

    def keep(self, image: Image, blobs: Mapping[str, bytes]) -> Image:
        """Take an image with what it is made of; one that is there already stays as it is."""
        self.blobs.update({name: base64.b64encode(data).decode() for name, data in blobs.items()})
        return self.images.setdefault(image.id, image)

    def sweep(self) -> None:
        """Forget the blobs that no image is made of."""
        needed = self.images.keys() | self.layers().keys()
        self.blobs = {name: data for name, data in self.blobs.items() if name in needed}


def weight_of(images: list[Image]) -> int:
    """Bytes that images take on a disk; layers that they share count once."""
    layers = {layer.digest: layer.size_bytes for image in images for layer in image.layers}
    return sum(layers.values())


def load_engine(folder: Path) -> Engine:
    """What a data-root holds; nothing for a new one."""
    kept = load_json(folder / STATE_FILE, {})
    if kept.get("form") != FORM:
        return Engine()
    return Engine(
        images={key: _image(value) for key, value in kept["images"].items()},
        containers={key: _container(value) for key, value in kept["containers"].items()},
        cache={key: Cached(**value) for key, value in kept["cache"].items()},
        blobs=kept["blobs"],
    )


def save_engine(folder: Path, engine: Engine) -> None:
    """Keep what a data-root holds."""
    engine.sweep()
    save_json(folder / STATE_FILE, {"form": FORM, **asdict(engine)})


def _image(value: dict[str, Any]) -> Image:
    return Image(**{**value, "layers": [Layer(**layer) for layer in value["layers"]]})


def _container(value: dict[str, Any]) -> Container:
    windows = value.get("windows")
    return Container(**{**value, "windows": Windows(**windows) if windows else None})
