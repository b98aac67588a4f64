"""What Microsoft.Network's resources do alike: PUT, tags, lists, ETags, operations."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from local_azure import errors
from local_azure.operations import Operation
from local_azure.providers import life
from local_azure.providers.common import (
    check_preconditions,
    check_same_location,
    check_tags,
    keep,
    list_of,
    new_resource,
    operation_reply,
    touch,
)
from local_azure.providers.settling import ends, settles
from local_azure.route import GROUP, SUBSCRIPTION, Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

Show = Callable[["Cloud", Resource], dict[str, Any]]
Fill = Callable[[Call, Resource], None]
Refuse = Callable[["Cloud", Resource], None]
settles("network.put")
ends("network.delete")


def serve(kind: str, fill: Fill, show: Show, refuse_delete: Refuse) -> Routes:
    """The routes that every network resource has.

    Args:
        kind: resource type.
        fill: checks a PUT's body and completes the resource's properties.
        show: the document to answer with.
        refuse_delete: raises when something still uses the resource.
    """
    routes = Routes()
    in_group = f"{GROUP}/providers/{kind}"
    one = in_group + "/{name}"

    @routes.on("PUT", one)
    def put(call: Call) -> Reply:
        existing = call.find(kind)
        check_preconditions(call, existing)
        if existing:
            check_same_location(call, existing)
            existing.body["tags"] = check_tags(call.body.get("tags"))
        resource = existing or new_resource(call, kind)
        resource.properties.setdefault("resourceGuid", str(uuid.uuid4()))
        fill(call, resource)
        return write(call, resource, show, status=200 if existing else 201)

    @routes.on("GET", one)
    def get(call: Call) -> Reply:
        resource = call.need(kind)
        return Reply(200, show(call.cloud, resource), {"etag": resource.hidden["etag"]})

    @routes.on("PATCH", one)
    def patch(call: Call) -> Reply:
        resource = call.need(kind)
        check_preconditions(call, resource)
        resource.body["tags"] = check_tags(call.body.get("tags"))
        touch(resource)
        keep(call.cloud, resource)
        call.cloud.meter.relabel(resource)
        return Reply(200, show(call.cloud, resource))

    @routes.on("GET", in_group, f"{SUBSCRIPTION}/providers/{kind}")
    def list_them(call: Call) -> Reply:
        return list_of(call, kind, partial(show, call.cloud))

    @routes.on("DELETE", one)
    def delete(call: Call) -> Reply:
        resource = call.find(kind)
        if resource is None:
            return Reply(204)
        check_preconditions(call, resource)
        refuse_delete(call.cloud, resource)
        life.begin_end(call.cloud, resource)
        return begin(call, resource, "network.delete", 202, None)

    return routes


def write(call: Call, resource: Resource, show: Show, *, status: int) -> Reply:
    """Keep a resource that was put, and start its operation."""
    resource.properties["provisioningState"] = "Updating"
    touch(resource)
    keep(call.cloud, resource)
    call.cloud.meter.relabel(resource)
    reply = begin(call, resource, "network.put", status, None)
    reply.body = show(call.cloud, resource)
    return reply


def begin(call: Call, resource: Resource, kind: str, status: int, body: Any) -> Reply:
    """Start a network operation and answer."""
    now = call.cloud.clock.now()
    took = call.cloud.durations.of("network", "delete" if kind.endswith("delete") else "create")
    operation = Operation(kind, resource.id, resource.location, now, [(now + took, "done")])
    return operation_reply(call, call.cloud.operations.begin(operation), status, body)


def reference(call: Call, holder: Resource, given: Any, kind: str) -> dict[str, Any] | None:
    """A reference to another resource, which must exist in the same region.

    Args:
        call: the request.
        holder: who refers.
        given: `{"id": ...}` or None.
        kind: type that is referred to.
    """
    if not given:
        return None
    wanted = str(given.get("id", ""))
    found = call.cloud.store.get(wanted)
    if found is None or found.type != kind or found.location != holder.location:
        raise errors.invalid_reference(wanted, holder.id)
    kept: dict[str, Any] = {"id": found.id}
    if "properties" in given and given["properties"].get("deleteOption"):
        kept["properties"] = {"deleteOption": given["properties"]["deleteOption"]}
    elif given.get("deleteOption"):
        kept["properties"] = {"deleteOption": given["deleteOption"]}
    return kept


def with_etag(resource: Resource, document: dict[str, Any]) -> dict[str, Any]:
    """The document in Azure's order, with its ETag."""
    rest = {k: v for k, v in document.items() if k not in ("name", "id")}
    return {"name": resource.name, "id": resource.id, "etag": resource.hidden["etag"], **rest}
