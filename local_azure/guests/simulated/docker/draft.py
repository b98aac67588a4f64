"""An image in the making: its layers and its configuration, step by step.

Refuses to know Dockerfiles as a whole, caches and time; see `build`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from local_azure.guests.simulated.docker.dockerfile import Step
from local_azure.guests.simulated.files import is_under, normalise
from local_azure.oci.content import Layer, make_layer


@dataclass(frozen=True)
class Content:
    """What a COPY or ADD brings: a key for it, bytes it is taken to add, files of an image."""

    key: str = ""
    size_bytes: int = 0
    files: tuple[str, ...] = ()


@dataclass
class Draft:
    """An image in the making.

    Attributes:
        key: stands for everything that was done so far.
        created: when the last step was done.
        layers: lowest first.
        blobs: layers by digest.
        files: paths in the layers.
        config: as in `model.Image`.
        history: the steps.
    """

    key: str
    created: float
    layers: list[Layer] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)

    def copy(self) -> Draft:
        """The same, to go on from."""
        return Draft(self.key, self.created, [*self.layers], {**self.blobs}, [*self.files],
                     dict(self.config), [*self.history])  # fmt: skip

    @property
    def size_bytes(self) -> int:
        """What its layers stand for."""
        return sum(layer.size_bytes for layer in self.layers)

    def add_layer(self, content: Content, size_bytes: int) -> None:
        """Put a layer on top."""
        files = dict.fromkeys(content.files, b"") | {f"layers/{self.key}": b""}
        layer, blob = make_layer(files, size_bytes)
        self.layers.append(layer)
        self.blobs[layer.digest] = blob
        self.files = sorted({*self.files, *files})


def moved(file: str, source: str, target: str) -> str:
    """Where a file of an image comes to when `source` is copied to `target`; "" if it does not."""
    path, folder = f"/{file}", normalise(source)
    if not is_under(path, folder):
        return ""
    rest = path.removeprefix(folder)
    if not rest and target.endswith("/"):
        rest = path.rpartition("/")[2]
    return normalise(f"{target}/{rest}").lstrip("/")


def configure(config: dict[str, Any], step: Step) -> None:
    """Instructions that only change the image's configuration."""
    if step.name in ("CMD", "ENTRYPOINT"):
        key = step.name.capitalize()
        config[key] = step.words if step.text.startswith("[") else ["/bin/sh", "-c", step.text]
    elif step.name == "WORKDIR":
        config["WorkingDir"] = normalise(step.text, config.get("WorkingDir") or "/")
    elif step.name == "EXPOSE":
        ports: dict[str, Any] = {f"{word.removesuffix('/tcp')}/tcp": {} for word in step.words}
        config["ExposedPorts"] = {**(config.get("ExposedPorts") or {}), **ports}
    elif step.name == "ENV":
        pairs = step.words if "=" in step.words[0] else ["=".join(step.text.split(None, 1))]
        names = {pair.partition("=")[0] for pair in pairs}
        kept = [pair for pair in config.get("Env") or [] if pair.partition("=")[0] not in names]
        config["Env"] = kept + pairs
    elif step.name == "LABEL":
        labels = dict(word.partition("=")[::2] for word in step.words)
        config["Labels"] = {**(config.get("Labels") or {}), **labels}
