"""One request and one answer, as handlers see them, and the headers that every answer carries.

A handler gets a `Call` and returns a `Reply`; it knows neither the web framework nor TLS.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local_azure import errors, shapes
from local_azure.moments import http_date
from local_azure.state import Resource

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

PROVIDER_SERVER = "Microsoft-HTTPAPI/2.0"
SAFE = "',:"
"""Characters that Azure leaves as they are in the parameters of a next page's URL."""


@dataclass
class Reply:
    """An answer: status, JSON body (None: empty), extra headers."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """A request to the cloud.

    Attributes:
        cloud: everything there is.
        method: HTTP method.
        path: decoded path.
        params: the names in the path, by the route's pattern.
        query: query parameters, their names in lower case.
        headers: request headers, their names in lower case.
        content: decoded JSON body, or None.
        client: caller's IP address.
        is_from_provider: the answer is a provider's, not Resource Manager's own.
        is_too_large: the body is larger than Azure takes, and was not read to its end.
    """

    cloud: Cloud
    method: str
    path: str
    params: dict[str, str]
    query: dict[str, str]
    headers: Mapping[str, str]
    content: Any
    client: str
    is_from_provider: bool = False
    is_too_large: bool = False

    @property
    def api_version(self) -> str:
        """The api-version that was asked for."""
        return self.query.get("api-version", "")

    @cached_property
    def body(self) -> dict[str, Any]:
        """The JSON object of the request, its types checked.

        Raises:
            AzureError: there is none, or it does not fit.
        """
        if not isinstance(self.content, dict):
            raise errors.bad_body(
                "The request content was invalid and could not be deserialized: "
                "a JSON object is expected."
            )
        return shapes.tidy(self.content)

    @property
    def properties(self) -> dict[str, Any]:
        """The `properties` object of the request; empty when missing."""
        given: dict[str, Any] = self.body.get("properties") or {}
        return given

    @cached_property
    def group(self) -> Resource:
        """The resource group in the path.

        Raises:
            AzureError: it does not exist.
        """
        name = self.params["group"]
        found = self.cloud.store.get(
            f"/subscriptions/{self.params['subscription']}/resourceGroups/{name}"
        )
        if found is None:
            raise errors.group_not_found(name)
        return found

    def resource_id(self, kind: str) -> str:
        """The id that the path names, for a resource of type `kind`.

        Of a nested type's path a shorter type names the parent.
        """
        namespace, *types = kind.split("/")
        names = [self.params[n] for n in self.params if n not in ("subscription", "group")]
        own = "/".join(f"{kind}/{name}" for kind, name in zip(types, names, strict=False))
        return (
            f"/subscriptions/{self.params['subscription']}/resourceGroups/{self.params['group']}"
            f"/providers/{namespace}/{own}"
        )

    def find(self, kind: str) -> Resource | None:
        """The resource of type `kind` that the path names, if there is one."""
        return self.cloud.store.get(self.resource_id(kind)) if self.group else None

    def need(self, kind: str) -> Resource:
        """The resource of type `kind` that the path names.

        Raises:
            AzureError: it does not exist.
        """
        found = self.find(kind)
        if found is None:
            path, _, name = self.resource_id(kind).rpartition("/")
            kind = path.rpartition("/providers/")[2]
            raise errors.resource_not_found(kind, name, self.params["group"])
        return found

    def url(self, path: str, **query: str) -> str:
        """Absolute URL of `path` on this cloud, with the api-version of the request."""
        pairs = [*query.items(), ("api-version", self.api_version)]
        return f"{self.cloud.endpoint}{path}?" + "&".join(
            f"{name}={quote(str(value), safe=SAFE)}" for name, value in pairs
        )


def standard_headers(call: Call, *, has_body: bool) -> dict[str, str]:
    """What every answer of Resource Manager carries."""
    request_id = str(uuid.uuid4())
    correlation = call.headers.get("x-ms-correlation-request-id", request_id)
    headers = {
        "cache-control": "no-cache",
        "pragma": "no-cache",
        "expires": "-1",
        "x-ms-request-id": request_id,
        "x-ms-correlation-request-id": correlation,
        "x-ms-routing-request-id": f"LOCAL:{int(call.cloud.clock.now())}:{correlation}",
        "strict-transport-security": "max-age=31536000; includeSubDomains",
        "x-content-type-options": "nosniff",
        "date": http_date(call.cloud.clock.now()),
    }
    if has_body:
        headers["content-type"] = "application/json; charset=utf-8"
    if call.is_from_provider:
        headers["server"] = PROVIDER_SERVER
    if asked := call.headers.get("x-ms-client-request-id"):
        headers["x-ms-client-request-id"] = asked
    return headers
