"""Image references: `[registry/]repository[:tag][@digest]`, with Docker's defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass

HUB = "docker.io"
HUB_NAMES = (HUB, "index.docker.io", "registry-1.docker.io")
NAME = re.compile(
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
)
TAG = re.compile(r"[A-Za-z0-9_][\w.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class BadReferenceError(ValueError):
    """Not an image reference."""


@dataclass(frozen=True)
class Reference:
    """One image reference.

    Attributes:
        registry: host of the registry.
        repository: path inside it, with `library/` for official images.
        tag: tag, "" when only a digest is given.
        digest: `sha256:...`, or "".
    """

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def name(self) -> str:
        """Full name without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar(self) -> str:
        """Name as Docker shows it."""
        return self.name.removeprefix(f"{HUB}/library/").removeprefix(f"{HUB}/")

    @property
    def familiar_full(self) -> str:
        """Name with tag or digest, as Docker shows it."""
        return f"{self.familiar}{self.full.removeprefix(self.name)}"

    @property
    def full(self) -> str:
        """Canonical text."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def parse_reference(text: str) -> Reference:
    """Read a reference.

    Raises:
        BadReferenceError: it is not one.
    """
    rest, _, digest = text.partition("@")
    head, slash, tail = rest.partition("/")
    is_host = bool(slash) and ("." in head or ":" in head or head == "localhost")
    registry, path = (head, tail) if is_host else (HUB, rest)
    repository, colon, tag = path.partition(":")
    is_wrong = not NAME.fullmatch(repository) or (colon and not TAG.fullmatch(tag))
    if is_wrong or (digest and not DIGEST.fullmatch(digest)):
        raise BadReferenceError("invalid reference format")
    registry = HUB if registry in HUB_NAMES else registry
    if registry == HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, tag or ("" if digest else "latest"), digest)
