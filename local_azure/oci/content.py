"""What an image is made of: layers (gzipped tars), a configuration and a manifest, by digest.

Layers here are small; what a real one would weigh travels as an annotation of its descriptor.
Refuses to know any registry, any engine, any catalogue.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
SIZE_ANNOTATION = "org.local-azure.size"
"""Bytes that a layer stands for, in its descriptor; without it a layer weighs what it is."""
BLOCK = 512
"""Unit of a tar file."""


class BadContentError(ValueError):
    """Bytes that are no layer, no manifest or no configuration."""


@dataclass(frozen=True)
class Layer:
    """One layer, apart from its bytes.

    Attributes:
        digest: of the gzipped tar.
        diff_id: of the tar itself.
        blob_bytes: length of the gzipped tar.
        size_bytes: what it stands for.
    """

    digest: str
    diff_id: str
    blob_bytes: int
    size_bytes: int


def digest_of(data: bytes) -> str:
    """`sha256:...` of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def encode(document: Any) -> bytes:
    """A document as JSON, always in the same bytes."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def make_layer(files: Mapping[str, bytes], size_bytes: int) -> tuple[Layer, bytes]:
    """A layer and its bytes, the same for the same files.

    Args:
        files: content by path, without a leading slash.
        size_bytes: what the layer stands for.
    """
    tar = b""
    for name, data in sorted(files.items()):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar += info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % BLOCK)
    tar += bytes(2 * BLOCK)
    blob = gzip.compress(tar, mtime=0)
    return Layer(digest_of(blob), digest_of(tar), len(blob), size_bytes), blob


@lru_cache(maxsize=256)
def unpack(blob: bytes) -> tuple[str, tuple[str, ...]]:
    """The diff id of a gzipped tar, and the paths in it; many guests ask the same.

    Raises:
        BadContentError: it is none.
    """
    try:
        tar = gzip.decompress(blob)
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            names = tuple(archive.getnames())
    except (OSError, EOFError, tarfile.TarError) as error:
        raise BadContentError(str(error)) from error
    return digest_of(tar), names


def make_config(
    config: Mapping[str, Any], layers: Sequence[Layer], created: str, history: Sequence[str] = ()
) -> bytes:
    """An image's configuration, whose digest is the image's id.

    Args:
        config: `Env`, `Cmd`, `Labels` and the like.
        layers: lowest first.
        created: RFC 3339.
        history: what made it, step by step.
    """
    return encode(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": created,
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": created, "created_by": step} for step in history],
        }
    )


def make_manifest(config: bytes, layers: Sequence[Layer]) -> bytes:
    """The manifest of an image, in Docker's media types."""
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {
                "mediaType": CONFIG_TYPE,
                "size": len(config),
                "digest": digest_of(config),
            },
            "layers": [
                {
                    "mediaType": LAYER_TYPE,
                    "size": layer.blob_bytes,
                    "digest": layer.digest,
                    "annotations": {SIZE_ANNOTATION: str(layer.size_bytes)},
                }
                for layer in layers
            ],
        }
    )


def read_manifest(data: bytes) -> tuple[str, list[Layer]]:
    """The configuration's digest and the layers of a manifest; diff ids stand in the configuration.

    Raises:
        BadContentError: it is no manifest of one image.
    """
    try:
        document = json.loads(data)
        layers = [_layer(each) for each in document["layers"]]
        return str(document["config"]["digest"]), layers
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadContentError(f"no image manifest: {error!r}") from error


def _layer(descriptor: dict[str, Any]) -> Layer:
    size = int(descriptor["size"])
    claimed = (descriptor.get("annotations") or {}).get(SIZE_ANNOTATION, size)
    return Layer(str(descriptor["digest"]), "", size, int(claimed))
