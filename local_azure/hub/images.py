"""Content of the hub's images: the same repository, tag and revision are always the same bytes.

The lower half of the layers is the repository's own: tags and revisions share it, so that a moved
tag is a small download, as of a real base image that got its updates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local_azure.hub.catalogue import CLIENT, ENTRY, Known
from local_azure.oci import content

BORN = datetime(2025, 1, 6, tzinfo=UTC)
"""When every first revision was built; a later one each week."""


@dataclass(frozen=True)
class Edition:
    """One content of one tag.

    Attributes:
        manifest: its manifest.
        blobs: configuration and layers by digest.
    """

    manifest: bytes
    blobs: dict[str, bytes]

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return content.digest_of(self.manifest)


def make(name: str, known: Known, tag: str, revision: int) -> Edition:
    """The content of a tag.

    Args:
        name: full repository name, with the host.
        known: the repository.
        tag: tag.
        revision: how often the tag was moved, from 1 on.
    """
    made = [
        content.make_layer(_files(name, known, number, f"{tag} {revision}"), size)
        for number, size in enumerate(_sizes(known))
    ]
    layers = [layer for layer, _ in made]
    created = f"{BORN + timedelta(weeks=revision - 1):%Y-%m-%dT%H:%M:%SZ}"
    history = [f"layer {number} of {name}" for number in range(len(layers))]
    config = content.make_config(known.config(), layers, created, history)
    blobs = {layer.digest: blob for layer, blob in made}
    blobs[content.digest_of(config)] = config
    return Edition(content.make_manifest(config, layers), blobs)


def _files(name: str, known: Known, number: int, edition: str) -> dict[str, bytes]:
    is_shared = number < known.layers // 2
    text = f"{name} layer {number}{'' if is_shared else f' of {edition}'}\n".encode()
    files = {f"usr/share/doc/{name.rpartition('/')[2]}/layer-{number}": text}
    if known.is_windows and number == known.layers - 1:
        files[ENTRY] = b"#!/usr/bin/env bash\n"
    if known.has_client and number == known.layers - 1:
        files[CLIENT] = b"# Stands for Windows Agent Arena's client.\n"
    return files


def _sizes(known: Known) -> list[int]:
    """The repository's size, layer by layer; the lowest one takes what does not divide."""
    each, rest = divmod(known.size_bytes, known.layers)
    return [each + rest, *[each] * (known.layers - 1)]
