"""How resources end, and what ends with them. Used by single deletes and by resource groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_azure.providers.common import (
    ADDRESS,
    DISK,
    IMAGE,
    NIC,
    REGISTRY,
    VERSION,
    VM,
    forget,
    keep,
)
from local_azure.state import Resource

if TYPE_CHECKING:
    from local_azure.cloud import Cloud


def begin_end(cloud: Cloud, resource: Resource, *, is_orderly: bool = False) -> None:
    """A resource is about to be deleted: whatever runs on it gives way, a VM loses its power."""
    cloud.operations.preempt(resource.id)
    latest = cloud.store.get(resource.id) or resource
    latest.properties["provisioningState"] = "Deleting"
    if latest.type == VM and latest.hidden.get("boot"):
        latest.hidden["boot"]["going"] = "orderly" if is_orderly else "pulled"
        latest.hidden["power"] = "stopping"
        cloud.machines.power_off(latest, is_orderly=is_orderly)
    keep(cloud, latest)


def end(cloud: Cloud, resource: Resource, at: float) -> None:
    """A resource is gone, with its hidden side."""
    if resource.type == VM:
        cloud.machines.wipe_temp_disk(resource)
    if resource.type == DISK:
        cloud.machines.remove_disk(resource)
    if resource.type in (IMAGE, VERSION):
        cloud.machines.remove_image(resource)
    if resource.type == REGISTRY:
        cloud.registries.remove(resource)
    if resource.type == NIC:
        release_addresses(cloud, resource)
    forget(cloud, resource, at)


def end_vm(cloud: Cloud, vm: Resource, at: float) -> None:
    """A VM is gone; its parts go or stay by their `deleteOption`, whose default is Detach."""
    end(cloud, vm, at)
    os_disk = vm.properties["storageProfile"]["osDisk"]
    disk = cloud.store.get(os_disk["managedDisk"]["id"])
    if disk and os_disk.get("deleteOption") == "Delete":
        end(cloud, disk, at)
    elif disk:
        disk.body.pop("managedBy", None)
        disk.properties["diskState"] = "Unattached"
        keep(cloud, disk, at)
    for reference in vm.properties["networkProfile"]["networkInterfaces"]:
        _end_nic(cloud, reference, at)


def release_addresses(cloud: Cloud, nic: Resource) -> None:
    """The public addresses of a NIC are free again."""
    for configuration in nic.properties["ipConfigurations"]:
        reference = configuration["properties"].get("publicIPAddress")
        address = cloud.store.get(reference["id"]) if reference else None
        if address:
            address.hidden.pop("used_by", None)
            keep(cloud, address)


def _end_nic(cloud: Cloud, reference: dict[str, object], at: float) -> None:
    nic = cloud.store.get(str(reference["id"]))
    if nic is None:
        return
    options = reference.get("properties")
    if not (isinstance(options, dict) and options.get("deleteOption") == "Delete"):
        nic.hidden.pop("vm", None)
        keep(cloud, nic, at)
        return
    end(cloud, nic, at)
    for configuration in nic.properties["ipConfigurations"]:
        address_reference = configuration["properties"].get("publicIPAddress") or {}
        if _option(address_reference) != "Delete":
            continue
        address = cloud.store.get(address_reference["id"])
        if address and address.type == ADDRESS:
            end(cloud, address, at)


def _option(reference: dict[str, object]) -> object:
    inner = reference.get("properties")
    return inner.get("deleteOption") if isinstance(inner, dict) else reference.get("deleteOption")
