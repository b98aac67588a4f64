"""Managed disks: empty ones by PUT, OS disks through their VMs."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from local_azure import errors
from local_azure.moments import iso
from local_azure.operations import Operation
from local_azure.providers import life
from local_azure.providers.common import (
    DISK,
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

routes = Routes()
settles("disk.put")
ends("disk.delete")
IN_GROUP = GROUP + "/providers/Microsoft.Compute/disks"
ONE = IN_GROUP + "/{name}"
SKUS = ("Premium_LRS", "StandardSSD_LRS", "Standard_LRS")
MAX_GIB = 4095
GIB = 1024**3
COMPUTED = ("timeCreated", "uniqueId", "diskState", "provisioningState", "diskSizeBytes")


@routes.on("PUT", ONE)
def put_disk(call: Call) -> Reply:
    """Create an empty disk, or change one."""
    existing = call.find(DISK)
    check_preconditions(call, existing)
    if existing:
        check_same_location(call, existing)
        existing.body["tags"] = check_tags(call.body.get("tags"))
        return _change(call, existing)
    disk = new_resource(call, DISK)
    option = (call.properties.get("creationData") or {}).get("createOption")
    if option != "Empty":
        raise errors.invalid_parameter(
            "createOption", f"The local Azure makes only empty disks, not '{option}'."
        )
    sku = _sku(call) or "Standard_LRS"
    disk.body["sku"] = {"name": sku, "tier": sku.partition("_")[0]}
    given = {k: v for k, v in call.properties.items() if k not in COMPUTED}
    disk.body["properties"] = given | {
        "diskSizeGB": _size(call),
        "provisioningState": "Updating",
        "diskState": "Unattached",
    }
    keep(call.cloud, disk)
    # Recorded: the first answer echoes the request, without id, type and computed properties.
    echo = {"name": disk.name, **call.body, "tags": disk.tags}
    echo["properties"] = given | {"provisioningState": "Updating", "isArmResource": True}
    return _begin(call, disk, "disk.put", "create", echo)


@routes.on("PATCH", ONE)
def patch_disk(call: Call) -> Reply:
    """Change a disk's tags, size or storage type."""
    disk = call.need(DISK)
    check_preconditions(call, disk)
    if "tags" in call.body:
        disk.body["tags"] = check_tags(call.body["tags"])
    return _change(call, disk)


@routes.on("GET", ONE)
def get_disk(call: Call) -> Reply:
    """One disk."""
    return Reply(200, show_disk(call.cloud, call.need(DISK)))


@routes.on("GET", IN_GROUP, SUBSCRIPTION + "/providers/Microsoft.Compute/disks")
def list_disks(call: Call) -> Reply:
    """The disks of a group or of the subscription."""
    return list_of(call, DISK, partial(show_disk, call.cloud))


@routes.on("DELETE", ONE)
def delete_disk(call: Call) -> Reply:
    """Delete a disk that no VM holds."""
    disk = call.find(DISK)
    if disk is None:
        return Reply(204)
    if owner := disk.body.get("managedBy"):
        raise errors.not_allowed(f"Disk {disk.name} is attached to VM {owner}.")
    life.begin_end(call.cloud, disk)
    return _begin(call, disk, "disk.delete", "delete", None)


def show_disk(cloud: Cloud, disk: Resource) -> dict[str, Any]:
    """The document of a disk."""
    document = copy.deepcopy(disk.body)
    properties = document["properties"]
    owner = cloud.store.get(disk.body.get("managedBy", ""))
    if owner:
        has_host = owner.hidden.get("power") not in (None, "deallocated")
        properties["diskState"] = "Attached" if has_host else "Reserved"
    properties |= {
        "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
        "diskIOPSReadWrite": max(500, properties["diskSizeGB"] * 4),
        "diskMBpsReadWrite": max(60, properties["diskSizeGB"]),
        "timeCreated": iso(disk.hidden["created"]),
        "diskSizeBytes": properties["diskSizeGB"] * GIB,
        "uniqueId": disk.hidden["guid"],
        "networkAccessPolicy": "AllowAll",
    }
    return document


def _change(call: Call, disk: Resource) -> Reply:
    if "diskSizeGB" in call.properties:
        size = _size(call)
        if size < disk.properties["diskSizeGB"]:
            raise errors.AzureError(
                400, "BadRequest", "Disks can grow but not shrink: diskSizeGB is too small."
            )
        disk.properties["diskSizeGB"] = size
    if sku := _sku(call):
        disk.body["sku"] = {"name": sku, "tier": sku.partition("_")[0]}
    disk.properties["provisioningState"] = "Updating"
    touch(disk)
    keep(call.cloud, disk)
    call.cloud.meter.relabel(disk)
    return _begin(call, disk, "disk.put", "update", show_disk(call.cloud, disk))


def _size(call: Call) -> int:
    size = call.properties.get("diskSizeGB")
    if not isinstance(size, int) or not 1 <= size <= MAX_GIB:
        raise errors.invalid_parameter(
            "diskSizeGB", f"The value of parameter diskSizeGB is invalid: 1 to {MAX_GIB}."
        )
    return size


def _sku(call: Call) -> str | None:
    name = (call.body.get("sku") or {}).get("name")
    if name is not None and name not in SKUS:
        raise errors.invalid_parameter("sku.name", f"Requested value '{name}' was not found.")
    return name


def _begin(call: Call, disk: Resource, kind: str, took: str, body: Any) -> Reply:
    now = call.cloud.clock.now()
    steps = [(now + call.cloud.durations.of("disk", took), "done")]
    operation = Operation(kind, disk.id, disk.location, now, steps)
    return operation_reply(call, call.cloud.operations.begin(operation), 202, body)
