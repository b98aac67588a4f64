"""The generic list of resources: per subscription or group, with filters and pages."""

from __future__ import annotations

from typing import Any

from local_azure.providers.common import page
from local_azure.providers.filters import tag_filter
from local_azure.route import GROUP, SUBSCRIPTION, Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

routes = Routes()
SHOWN = ("id", "name", "type", "location", "sku", "zones", "managedBy", "tags")


@routes.on("GET", SUBSCRIPTION + "/resources")
def list_all(call: Call) -> Reply:
    """Resources of the subscription."""
    return _list(call, None)


@routes.on("GET", GROUP + "/resources")
def list_group(call: Call) -> Reply:
    """Resources of a group."""
    return _list(call, call.group.name)


def _list(call: Call, group: str | None) -> Reply:
    keeps = tag_filter(call.query.get("$filter", ""))
    listed = call.cloud.store.find_all(group=group)
    found = [r for r in listed if "/providers/" in r.id and keeps(r)]
    return page(call, [(r.id, _show(call, r)) for r in found])


def _show(call: Call, resource: Resource) -> dict[str, Any]:
    document = {key: resource.body[key] for key in SHOWN if key in resource.body}
    if "provisioningstate" in call.query.get("$expand", "").lower():
        document["provisioningState"] = resource.properties.get("provisioningState", "Succeeded")
    return document
