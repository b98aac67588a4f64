"""Finds the handler of a path. Azure's paths ignore case; what stands in them keeps the caller's.

Patterns look like the documentation: `/subscriptions/{subscription}/resourceGroups/{group}`.
`{scope:path}` takes any number of segments. Refuses to know what any path means.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_azure.wire import Call, Reply

Handler = Callable[["Call"], "Reply"]
GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
SUBSCRIPTION = "/subscriptions/{subscription}"


@dataclass(frozen=True)
class Route:
    """One method of one path."""

    method: str
    pattern: str
    expression: re.Pattern[str]
    handler: Handler


@dataclass(frozen=True)
class Match:
    """What was found: the route and the names in the path."""

    route: Route
    params: dict[str, str]


class Routes:
    """A provider's table of paths."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def on(self, method: str, *patterns: str) -> Callable[[Handler], Handler]:
        """Decorate the handler of `method` on each of `patterns`."""

        def keep(handler: Handler) -> Handler:
            for pattern in patterns:
                self._routes.append(Route(method, pattern, _compile(pattern), handler))
            return handler

        return keep

    def include(self, other: Routes) -> None:
        """Take over another table, after our own routes."""
        self._routes.extend(other._routes)

    def find(self, method: str, path: str) -> Match | None:
        """The first route that fits, or None."""
        for route in self._routes:
            if route.method == method and (found := route.expression.fullmatch(path)):
                return Match(route, found.groupdict())
        return None

    def methods(self, path: str) -> list[str]:
        """The methods that `path` has at all."""
        return sorted({r.method for r in self._routes if r.expression.fullmatch(path)})

    def types(self) -> dict[str, set[str]]:
        """Resource types by namespace, as the patterns name them."""
        known: dict[str, set[str]] = {}
        for route in self._routes:
            if "/providers/" not in route.pattern:
                continue
            namespace, *segments = route.pattern.rpartition("/providers/")[2].split("/")
            kind = "/".join(s for s in segments if not s.startswith("{"))
            if kind and "{" not in namespace:
                known.setdefault(namespace, set()).add(kind)
        return known


def _compile(pattern: str) -> re.Pattern[str]:
    text = re.sub(
        r"\{(\w+)(:path)?\}",
        lambda found: f"(?P<{found[1]}>{'.*' if found[2] else '[^/]+'})",
        pattern,
    )
    return re.compile(text.rstrip("/") + "/?", re.IGNORECASE)
