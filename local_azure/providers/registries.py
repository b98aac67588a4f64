"""Reading container registries, and how they look. Making them is `registry_write`'s."""

from __future__ import annotations

import re
from typing import Any

from local_azure import errors
from local_azure.operations import CANCELED, FAILED, Operation
from local_azure.pace import poll_headers
from local_azure.providers.common import REGISTRY, failed_reply, is_running, list_of
from local_azure.route import GROUP, SUBSCRIPTION, Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

routes = Routes()
ACR = "/providers/Microsoft.ContainerRegistry"
IN_GROUP = f"{GROUP}{ACR}/registries"
ONE = IN_GROUP + "/{name}"
NAME = re.compile(r"[A-Za-z0-9]{5,50}")
NAME_RULE = (
    "Registry names may contain only alpha numeric characters and must be between 5 and 50 "
    "characters."
)
GIB = 1 << 30


@routes.on("GET", ONE)
def get_registry(call: Call) -> Reply:
    """One registry."""
    return Reply(200, show_registry(call.need(REGISTRY)))


@routes.on("GET", IN_GROUP, f"{SUBSCRIPTION}{ACR}/registries")
def list_registries(call: Call) -> Reply:
    """The registries of a group or of the subscription."""
    return list_of(call, REGISTRY, show_registry)


@routes.on("POST", f"{SUBSCRIPTION}{ACR}/checkNameAvailability")
def check_name(call: Call) -> Reply:
    """Whether a registry may have a name, which is one for all of Azure."""
    name = str(call.body.get("name", ""))
    if not NAME.fullmatch(name):
        return Reply(200, {"nameAvailable": False, "reason": "Invalid", "message": NAME_RULE})
    if find_by_name(call, name):
        message = f"The registry {name} is already in use."
        return Reply(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": message})
    return Reply(200, {"nameAvailable": True})


@routes.on("GET", ONE + "/listUsages")
def list_usages(call: Call) -> Reply:
    """How much of its tier a registry uses."""
    registry = call.need(REGISTRY)
    gib = call.cloud.meter.prices.registry_included_gib(registry.body["sku"]["name"])
    size = {
        "name": "Size",
        "limit": gib * GIB,
        "currentValue": registry.hidden.get("stored_bytes", 0),
        "unit": "Bytes",
    }
    return Reply(200, {"value": [size]})


@routes.on("GET", ONE + "/operationStatuses/{operation}")
def poll_registry(call: Call) -> Reply:
    """How an operation on a registry is going; works when the registry is gone."""
    operation = _find(call)
    document: dict[str, Any] = {"status": operation.status}
    if operation.error:
        document["error"] = operation.error
    return Reply(200, document, _pace(call, operation))


@routes.on("GET", ONE + "/operationResults/{operation}")
def result_of_registry(call: Call) -> Reply:
    """The result of an operation on a registry."""
    operation = _find(call)
    if is_running(operation):
        return Reply(202, None, {"location": call.url(call.path), **_pace(call, operation)})
    if operation.status in (FAILED, CANCELED):
        return failed_reply(operation)
    return Reply(200)


def find_by_name(call: Call, name: str) -> Resource | None:
    """The registry of that name, in whatever group."""
    found = (r for r in call.cloud.store.find_all(REGISTRY) if r.name.lower() == name.lower())
    return next(found, None)


def show_registry(registry: Resource) -> dict[str, Any]:
    """The document of a registry."""
    return registry.body


def _find(call: Call) -> Operation:
    operation = call.cloud.operations.find(call.params["operation"].removeprefix("registries-"))
    if operation is None:
        raise errors.AzureError(404, "NotFound", "The operation was not found.")
    return operation


def _pace(call: Call, operation: Operation) -> dict[str, str]:
    here = {"azure-asyncoperation": call.url(call.path)}
    return here | (poll_headers(call.cloud, is_first=False) if is_running(operation) else {})
