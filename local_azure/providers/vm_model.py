"""What a VM's record and its OS disk hold when they are new: what was given, completed."""

from __future__ import annotations

import uuid
from typing import Any

from local_azure.catalog import Size
from local_azure.errors import AzureError
from local_azure.providers.common import DISK, VM
from local_azure.providers.vm_sources import Source
from local_azure.state import Resource
from local_azure.wire import Call

Json = dict[str, Any]
DEFAULT_DISK_SKU = "Premium_LRS"


def fill(vm: Resource, given: Json, size: Size, source: Source) -> None:
    """The properties as Azure shows them: what was given, completed; no secrets."""
    profile = {
        k: v for k, v in given["osProfile"].items() if k not in ("customData", "adminPassword")
    }
    linux = profile.get("linuxConfiguration") or {}
    linux.setdefault("disablePasswordAuthentication", False)
    linux.setdefault("provisionVMAgent", True)
    linux.setdefault("patchSettings", {"patchMode": "ImageDefault"})
    profile["linuxConfiguration"] = linux
    profile.setdefault("secrets", [])
    profile.setdefault("allowExtensionOperations", True)
    profile["requireGuestProvisionSignal"] = True
    vm.body["properties"] = {
        "vmId": vm.hidden["guid"],
        "hardwareProfile": {**given["hardwareProfile"], "vmSize": size.name},
        "storageProfile": {"imageReference": source.reference, "osDisk": {}, "dataDisks": []},
        "osProfile": profile,
        "networkProfile": {
            "networkInterfaces": given["networkProfile"]["networkInterfaces"],
        },
    }
    for name in ("securityProfile", "diagnosticsProfile", "priority"):
        if name in given:
            vm.properties[name] = given[name]
    vm.properties["provisioningState"] = "Creating"


def make_disk(call: Call, vm: Resource, given: Json, size_gib: int) -> Resource:
    """The OS disk of a VM from an image; not kept yet.

    Args:
        call: the request.
        vm: whose disk.
        given: `osDisk` of the request.
        size_gib: its size.

    Raises:
        AzureError: a disk of that name exists.
    """
    guid = str(uuid.uuid4())
    name = given.get("name") or f"{vm.name}_OsDisk_1_{guid.replace('-', '')}"
    disk_id = vm.id.replace(f"/{VM}/{vm.name}", f"/{DISK}/{name}")
    if call.cloud.store.get(disk_id):
        raise AzureError(
            409,
            "ConflictingUserInput",
            f"Disk {name} already exists in resource group {vm.group.upper()}. Only CreateOption."
            "Attach is supported.",
            target="/properties/creationData/createOption",
        )
    sku = (given.get("managedDisk") or {}).get("storageAccountType", DEFAULT_DISK_SKU)
    now = call.cloud.clock.now()
    body = {
        "name": name,
        "id": disk_id,
        "type": DISK,
        "location": vm.location,
        # An implicit disk starts with its VM's tags (hashicorp/terraform-provider-azurerm#8162).
        "tags": dict(vm.tags),
        "sku": {"name": sku, "tier": sku.partition("_")[0]},
        "managedBy": vm.id,
        "properties": {
            "osType": "Linux",
            "creationData": {"createOption": "FromImage"},
            "diskSizeGB": size_gib,
            "provisioningState": "Succeeded",
            "diskState": "Attached",
        },
    }
    hidden = {"guid": guid, "created": now, "used_by": vm.hidden["guid"], "pool": _pool(vm)}
    return Resource(disk_id, DISK, body, hidden)


def link_image(disk: Resource, source: Source) -> None:
    """A disk from somebody's image names it, and begins with its content."""
    if source.image:
        disk.properties["creationData"]["imageReference"] = {"id": source.image.id}
        disk.hidden["origin"] = source.image.hidden["guid"]


def _pool(vm: Resource) -> str | None:
    return next((v for k, v in vm.tags.items() if k.lower() == "waa-pool"), None)


def show_os_disk(given: Json, disk: Resource) -> Json:
    """`osDisk` as Azure shows it, completed from the disk that was made."""
    return {
        "osType": "Linux",
        "name": disk.name,
        "createOption": "FromImage",
        "caching": given.get("caching", "ReadWrite"),
        "managedDisk": {"storageAccountType": disk.body["sku"]["name"], "id": disk.id},
        "deleteOption": given.get("deleteOption", "Detach"),
        "diskSizeGB": disk.properties["diskSizeGB"],
    }
