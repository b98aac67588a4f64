"""Where a registry's content is on disk: the layout of the CNCF distribution registry.

Both storages keep it, so either can go on with what the other left. Content lies under its digest,
once for all repositories; links say which repository has it and what a tag means. Refuses to
interpret content.
"""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
NAME = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
MAX_NAME = 255
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class Layout:
    """Paths of one registry.

    Attributes:
        root: its storage folder.
    """

    root: Path

    @property
    def repositories(self) -> Path:
        """Folder of all repositories."""
        return self.root / "docker" / "registry" / "v2" / "repositories"

    def blob(self, digest: str) -> Path:
        """File of some content."""
        algorithm, _, digits = digest.partition(":")
        blobs = self.root / "docker" / "registry" / "v2" / "blobs"
        return blobs / algorithm / digits[:2] / digits / "data"

    def repository(self, name: str) -> Path:
        """Folder of a repository."""
        return self.repositories / name

    def layer(self, name: str, digest: str) -> Path:
        """Link that says a repository has a blob."""
        return self.repository(name) / "_layers" / digest.replace(":", "/") / "link"

    def revisions(self, name: str) -> Path:
        """Folder of the links to a repository's manifests."""
        return self.repository(name) / "_manifests" / "revisions"

    def revision(self, name: str, digest: str) -> Path:
        """Link that says a repository has a manifest."""
        return self.revisions(name) / digest.replace(":", "/") / "link"

    def tags(self, name: str) -> Path:
        """Folder of a repository's tags."""
        return self.repository(name) / "_manifests" / "tags"

    def tag(self, name: str, tag: str) -> Path:
        """Link from a tag to its manifest."""
        return self.tags(name) / tag / "current" / "link"

    def tag_index(self, name: str, tag: str, digest: str) -> Path:
        """Link to a manifest that a tag means or meant."""
        return self.tags(name) / tag / "index" / digest.replace(":", "/") / "link"

    def upload(self, name: str, upload: str) -> Path:
        """Folder of an upload that is going on."""
        return self.repository(name) / "_uploads" / upload


def read_link(link: Path) -> str | None:
    """The digest that a link holds, None when there is none."""
    try:
        text = link.read_text().strip()
    except OSError:
        return None
    return text if DIGEST.fullmatch(text) else None


def write_link(link: Path, digest: str) -> None:
    """Make or change a link, at once or not at all."""
    write_whole(link, digest.encode())


def write_whole(file: Path, content: bytes) -> None:
    """Write a file, at once or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f".{uuid.uuid4().hex}")
    scratch.write_bytes(content)
    scratch.replace(file)


def stamp(file: Path, moment: float) -> None:
    """Date a file with the cloud's time; one that is gone is left alone."""
    try:
        os.utime(file, (moment, moment))
    except FileNotFoundError:
        return
