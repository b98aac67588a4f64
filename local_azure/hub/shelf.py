"""Which content each tag of the hub has now, and had before: kept in the cloud's store.

A tag's revisions stay: what was pulled by digest yesterday can be pulled by digest tomorrow. A tag
is remembered from its first use on, because no list says which tags a repository has.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Protocol

from local_azure.hub.catalogue import CATALOGUE, TAG
from local_azure.hub.images import Edition, make
from local_azure.oci.references import BadReferenceError, Reference, parse_reference

KEY = "hub"
"""The setting that holds `{"docker.io/library/alpine:latest": 2, ...}`."""


class UnknownImageError(ValueError):
    """The hub has no such image."""


class Settings(Protocol):
    """Where the revisions are kept; the cloud's `state.Store` is one."""

    def meta(self, key: str, default: str = "") -> str:
        """Read a setting."""

    def set_meta(self, key: str, value: str) -> None:
        """Write a setting."""

    def commit(self) -> None:
        """Keep what was written."""


class Shelf:
    """The images of the hub.

    Args:
        settings: where tags and revisions are kept.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def tags(self, name: str) -> list[str]:
        """Tags of a repository that are known so far."""
        found = {full.rpartition(":")[2] for full, _ in self._editions(name)}
        return sorted(found | {"latest"})

    def manifest(self, name: str, reference: str) -> bytes | None:
        """A manifest by tag or digest, or None.

        Args:
            name: full name of a repository of the catalogue.
            reference: tag, or `sha256:...`.
        """
        if reference.startswith("sha256:"):
            found = (each for each in self._all(name) if each.digest == reference)
            return next((each.manifest for each in found), None)
        if not TAG.fullmatch(reference):
            return None
        return _make(name, reference, self._remember(f"{name}:{reference}")).manifest

    def blob(self, name: str, digest: str) -> bytes | None:
        """A layer or configuration, or None."""
        found = (each.blobs.get(digest) for each in self._all(name))
        return next((blob for blob in found if blob is not None), None)

    def move(self, image: str) -> tuple[Reference, int, str]:
        """Give a tag new content.

        Args:
            image: reference with a tag, `latest` when it has none.

        Returns:
            The tag, its revision, and the digest of the new manifest.

        Raises:
            UnknownImageError: the hub has no such tag.
        """
        try:
            reference = parse_reference(image)
        except BadReferenceError as error:
            raise UnknownImageError(f"{image!r}: {error}") from error
        if reference.name not in CATALOGUE or not TAG.fullmatch(reference.tag):
            raise UnknownImageError(f"the hub has no tag {image!r}; its images: {_names()}")
        revision = self._remember(reference.full) + 1
        self._write(self._revisions() | {reference.full: revision})
        return reference, revision, _make(reference.name, reference.tag, revision).digest

    def revisions(self) -> dict[str, int]:
        """Tags that were used, with their revisions."""
        return self._revisions()

    def _all(self, name: str) -> list[Edition]:
        """Every content of a repository, the newest first."""
        return [
            _make(name, full.rpartition(":")[2], number)
            for full, revision in self._editions(name)
            for number in range(revision, 0, -1)
        ]

    def _editions(self, name: str) -> list[tuple[str, int]]:
        kept = self._revisions().items()
        return [(full, number) for full, number in kept if full.rpartition(":")[0] == name]

    def _remember(self, full: str) -> int:
        kept = self._revisions()
        if full not in kept:
            self._write(kept | {full: 1})
        return kept.get(full, 1)

    def _revisions(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(self._settings.meta(KEY, "{}"))
        return found

    def _write(self, revisions: dict[str, int]) -> None:
        self._settings.set_meta(KEY, json.dumps(revisions))
        self._settings.commit()


@lru_cache(maxsize=256)
def _make(name: str, tag: str, revision: int) -> Edition:
    return make(name, CATALOGUE[name], tag, revision)


def _names() -> str:
    return ", ".join(name.removeprefix("docker.io/").removeprefix("library/") for name in CATALOGUE)
