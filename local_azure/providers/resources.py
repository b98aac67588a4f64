"""The generic list of resources: per subscription or group, with filters and pages."""

from __future__ import annotations

from typing import Any

from local_azure import errors
from local_azure.moments import iso
from local_azure.providers.common import page_of
from local_azure.providers.filters import clauses, tag_filter
from local_azure.route import GROUP, SUBSCRIPTION, Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

routes = Routes()
SHOWN = ("id", "name", "type", "location", "sku", "zones", "managedBy", "tags")
EXPANDED = ("provisioningState", "createdTime", "changedTime")
ON_TAGS = {"tagname", "tagvalue"}


@routes.on("GET", SUBSCRIPTION + "/resources")
def list_all(call: Call) -> Reply:
    """Resources of the subscription."""
    return _list(call, None)


@routes.on("GET", GROUP + "/resources")
def list_group(call: Call) -> Reply:
    """Resources of a group."""
    return _list(call, call.group.name)


def _list(call: Call, group: str | None) -> Reply:
    text = call.query.get("$filter", "")
    keeps, names = tag_filter(text), set(clauses(text))
    if names & ON_TAGS and names - ON_TAGS:
        raise errors.bad_filter(text)
    listed = call.cloud.store.find_all(group=group)
    found = [r for r in listed if "/providers/" in r.id and keeps(r)]
    by_tag = bool(names & ON_TAGS)
    return page_of(call, found, lambda resource: _show(call, resource, by_tag=by_tag))


def _show(call: Call, resource: Resource, *, by_tag: bool) -> dict[str, Any]:
    document = {key: resource.body[key] for key in SHOWN if key in resource.body}
    if by_tag:
        # Documented, and seen by many: whoever filters by tag gets neither tags nor times.
        del document["tags"]
        return document
    asked = call.query.get("$expand", "").lower().split(",")
    created = resource.hidden["created"]
    values = {
        "provisioningState": resource.properties.get("provisioningState", "Succeeded"),
        "createdTime": iso(created),
        "changedTime": iso(max(created, resource.hidden.get("changed", 0.0))),
    }
    return document | {name: values[name] for name in EXPANDED if name.lower() in asked}
