"""Names of Docker images: `[host/]repository[:tag][@digest]`, read as Docker reads them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vmpool.errors import UsageError

HUB = "docker.io"
"""Host of a name without one."""
PATTERN = re.compile(
    r"(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][\w.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True)
class Reference:
    """One Docker image, somewhere.

    Attributes:
        host: registry, `docker.io` by default; with its port if it has one.
        repository: path inside it.
        tag: tag, "" when only the digest is given.
        digest: `sha256:...`, "" when only the tag is given.
    """

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}"

    @property
    def familiar(self) -> str:
        """Host and repository as Docker shows them: without what it takes for granted."""
        return self.name.removeprefix(f"{HUB}/library/").removeprefix(f"{HUB}/")

    @property
    def version(self) -> str:
        """What a registry is asked for: the digest where there is one, else the tag."""
        return self.digest or self.tag

    def at(self, digest: str) -> str:
        """The same image, pinned: `host/repository@sha256:...`."""
        return f"{self.name}@{digest}"


def parse(text: str) -> Reference:
    """Read an image's name.

    Args:
        text: as people and Docker write it.

    Raises:
        UsageError: it is none.
    """
    head, slash, tail = text.partition("/")
    has_host = bool(slash) and ("." in head or ":" in head or head == "localhost")
    host, path = (head, tail) if has_host else (HUB, text)
    found = PATTERN.fullmatch(path)
    if found is None:
        raise UsageError(f"{text!r} is no Docker image name: [host/]repository[:tag][@sha256:...]")
    repository, tag, digest = (found[key] or "" for key in ("repository", "tag", "digest"))
    if host == HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(host, repository, tag or ("" if digest else "latest"), digest)
