"""What a request is about, and which scopes a token must have for it.

Scopes are those of the distribution API (`repository:NAME:pull,push`, `registry:catalog:*`) with
ACR's actions beside them (`delete`, `metadata_read`, `metadata_write`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

READS = ("GET", "HEAD")
V2 = re.compile(
    r"/v2/(?P<name>.+)/(?:(?P<tags>tags/list)|manifests/(?P<manifest>[^/]+)"
    r"|blobs/uploads/(?P<upload>[^/]*)|blobs/(?P<blob>[^/]+))"
)
ACR = re.compile(r"/acr/v1/(?P<name>.+?)(?:/(?P<kind>_tags|_manifests)(?:/(?P<item>[^/]+))?)?")
FIXED = {
    "/v2": "base",
    "/v2/": "base",
    "/v2/_catalog": "catalog",
    "/acr/v1/_catalog": "acr-catalog",
}
Granted = Mapping[tuple[str, str], frozenset[str]]
"""Actions by (kind, name)."""


@dataclass(frozen=True)
class Target:
    """What a path names.

    Attributes:
        kind: `base`, `catalog`, `tags`, `manifest`, `blob`, `upload`, and `acr` with `-catalog`,
            `-repository`, `-tags`, `-tag`, `-manifests` or `-manifest`.
        name: repository.
        reference: tag, digest or upload; "" when the path names none.
    """

    kind: str
    name: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Need:
    """A scope that a request needs.

    Attributes:
        kind: `repository` or `registry`.
        name: repository, or `catalog`.
        actions: what must be allowed.
        instead: an action that does as well.
    """

    kind: str
    name: str
    actions: tuple[str, ...]
    instead: str = ""

    @property
    def scope(self) -> str:
        """As a challenge and a token request write it."""
        return f"{self.kind}:{self.name}:{','.join(self.actions)}"

    def is_met(self, granted: Granted) -> bool:
        """Whether a token that allows `granted` is enough."""
        allowed = granted.get((self.kind, self.name), frozenset())
        return "*" in allowed or self.instead in allowed or set(self.actions) <= allowed


def parse_target(path: str) -> Target | None:
    """What a path of the data plane names, None when it is nothing of it."""
    if path in FIXED:
        return Target(FIXED[path])
    if found := V2.fullmatch(path):
        if found["tags"]:
            return Target("tags", found["name"])
        for kind in ("manifest", "upload", "blob"):
            if found[kind] is not None:
                return Target(kind, found["name"], found[kind])
    if found := ACR.fullmatch(path):
        kind = (found["kind"] or "_repository").replace("_", "acr-")
        kind = kind.removesuffix("s") if found["item"] else kind
        return Target(kind, found["name"], found["item"] or "")
    return None


def needs_of(method: str, target: Target, query: Mapping[str, str]) -> list[Need]:
    """The scopes that a request needs; none for `/v2/`, which any token opens."""
    if target.kind == "base":
        return []
    if target.kind in ("catalog", "acr-catalog"):
        return [Need("registry", "catalog", ("*",))]
    needs = [_repository_need(method, target)]
    if query.get("mount") and query.get("from", target.name) != target.name:
        needs.append(Need("repository", query["from"], ("pull",)))
    return needs


def _repository_need(method: str, target: Target) -> Need:
    instead = "metadata_read" if target.kind == "tags" else ""
    actions: tuple[str, ...] = ("pull", "push")
    if target.kind.startswith("acr-"):
        actions = ({"DELETE": "delete", "PATCH": "metadata_write"}.get(method, "metadata_read"),)
    elif target.kind != "upload" and method in READS:
        actions = ("pull",)
    elif target.kind != "upload" and method == "DELETE":
        actions = ("delete",)
    return Need("repository", target.name, actions, instead)


def parse_scopes(texts: list[str]) -> dict[tuple[str, str], frozenset[str]]:
    """Scopes as a token request names them, several in one text or in several."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for text in " ".join(texts).split():
        kind, _, rest = text.partition(":")
        name, _, actions = rest.rpartition(":")
        if kind and name and actions:
            wanted = frozenset(filter(None, actions.split(",")))
            found[kind, name] = found.get((kind, name), frozenset()) | wanted
    return found
