"""What a registry holds, read from its files: repositories, tags, manifests with their facts.

Serves every list, whichever storage wrote the files: distribution 2.8 pages no tags and lists no
manifests. As in Azure a repository without manifests is none.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_azure.registries.layout import Layout, read_link

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
OCI_INDEX = INDEXES[0]
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST, *INDEXES)
"""Media types of manifests that are taken and given."""


@dataclass(frozen=True)
class Tag:
    """A tag: what it means, since when it exists and means that (cloud times)."""

    name: str
    digest: str
    created: float
    updated: float


@dataclass(frozen=True)
class Manifest:
    """A manifest: its document, and when it came (cloud time)."""

    digest: str
    document: dict[str, Any]
    size: int
    created: float

    @property
    def media_type(self) -> str:
        """What it says it is; without a word it is OCI's."""
        return media_type(self.document)

    @property
    def image_size(self) -> int:
        """Bytes of everything that it names, and of itself."""
        named = [self.document.get("config") or {}, *(self.document.get("layers") or [])]
        return self.size + sum(int(each.get("size", 0)) for each in named)


def media_type(document: dict[str, Any]) -> str:
    """Media type of a manifest's document."""
    default = OCI_INDEX if "manifests" in document else OCI_MANIFEST
    return str(document.get("mediaType") or default)


def repositories(layout: Layout) -> list[str]:
    """Names of all repositories that have a manifest, in order."""
    top = layout.repositories
    found = []
    for parent, folders, _ in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith("_")]
        name = str(Path(parent).relative_to(top))
        if parent != str(top) and has_manifests(layout, name):
            found.append(name)
    return sorted(found)


def has_manifests(layout: Layout, name: str) -> bool:
    """Whether a repository exists, as Azure sees it."""
    return next(_digests(layout, name), None) is not None


def tags(layout: Layout, name: str) -> list[Tag]:
    """The tags of a repository, in order of their names."""
    folder = layout.tags(name)
    names = sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
    found = (find_tag(layout, name, each) for each in names)
    return [each for each in found if each]


def find_tag(layout: Layout, name: str, tag: str) -> Tag | None:
    """One tag, None if there is none."""
    link = layout.tag(name, tag)
    digest = read_link(link)
    if digest is None or read_link(layout.revision(name, digest)) is None:
        return None
    index = (layout.tags(name) / tag / "index").glob("*/*/link")
    updated = link.stat().st_mtime
    return Tag(tag, digest, min((each.stat().st_mtime for each in index), default=updated), updated)


def manifests(layout: Layout, name: str) -> list[Manifest]:
    """The manifests of a repository, in order of their digests."""
    found = (find_manifest(layout, name, digest) for digest in sorted(_digests(layout, name)))
    return [each for each in found if each]


def find_manifest(layout: Layout, name: str, digest: str) -> Manifest | None:
    """One manifest, None if there is none or it cannot be read."""
    link = layout.revision(name, digest)
    if read_link(link) != digest:
        return None
    try:
        content = layout.blob(digest).read_bytes()
        document = json.loads(content)
    except (OSError, ValueError):
        return None
    return Manifest(digest, document, len(content), link.stat().st_mtime)


def untag(layout: Layout, name: str, tag: str) -> None:
    """Take a tag away; its manifest stays."""
    shutil.rmtree(layout.tags(name) / tag, ignore_errors=True)


def remove_repository(layout: Layout, name: str) -> None:
    """Take a repository away; those whose names go on behind a slash stay."""
    for part in ("_manifests", "_layers", "_uploads"):
        shutil.rmtree(layout.repository(name) / part, ignore_errors=True)


def stored_bytes(root: Path) -> int:
    """Bytes of all files of a registry."""
    total = 0
    for parent, _, names in os.walk(root):
        for name in names:
            try:
                total += Path(parent, name).lstat().st_size
            except FileNotFoundError:  # an upload that ended since
                continue
    return total


def _digests(layout: Layout, name: str) -> Iterator[str]:
    for link in layout.revisions(name).glob("*/*/link"):
        if digest := read_link(link):
            yield digest
