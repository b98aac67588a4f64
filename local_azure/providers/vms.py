"""Reading VMs: one, the lists of a group and of the subscription, the instance view, sizes."""

from __future__ import annotations

from local_azure import errors
from local_azure.providers.common import VM, page_of
from local_azure.providers.vm_view import instance_view, show_vm
from local_azure.route import GROUP, SUBSCRIPTION, Routes
from local_azure.wire import Call, Reply

routes = Routes()
IN_GROUP = GROUP + "/providers/Microsoft.Compute/virtualMachines"
ONE = IN_GROUP + "/{name}"
LOCATION = SUBSCRIPTION + "/providers/Microsoft.Compute/locations/{location}"


@routes.on("GET", ONE)
def get_vm(call: Call) -> Reply:
    """One VM; `$expand=instanceView` adds its state."""
    vm = call.need(VM)
    wants_view = "instanceview" in call.query.get("$expand", "").lower()
    expand = "instanceView" if wants_view else ""
    return Reply(200, show_vm(call.cloud, vm, call.api_version, expand=expand))


@routes.on("GET", ONE + "/instanceView")
def get_instance_view(call: Call) -> Reply:
    """The state of one VM."""
    return Reply(200, instance_view(call.cloud, call.need(VM)))


@routes.on("GET", IN_GROUP)
def list_group(call: Call) -> Reply:
    """The VMs of a group."""
    return _list(call, call.group.name)


@routes.on("GET", SUBSCRIPTION + "/providers/Microsoft.Compute/virtualMachines")
def list_all(call: Call) -> Reply:
    """The VMs of the subscription; `statusOnly=true` adds their power states."""
    return _list(call, None)


@routes.on("GET", LOCATION + "/virtualMachines")
def list_location(call: Call) -> Reply:
    """The VMs of a region."""
    return _list(call, None, _region(call, "virtualMachines"))


@routes.on("GET", LOCATION + "/vmSizes")
def list_sizes(call: Call) -> Reply:
    """The sizes of a region (the old list, without restrictions)."""
    _region(call, "vmSizes")
    return _sizes(call)


@routes.on("GET", ONE + "/vmSizes")
def list_sizes_of_vm(call: Call) -> Reply:
    """The sizes that a VM can be given: any host has room for each."""
    call.need(VM)
    return _sizes(call)


def _sizes(call: Call) -> Reply:
    value = [
        {
            "name": size.name,
            "numberOfCores": size.vcpus,
            "osDiskSizeInMB": 1047552,
            "resourceDiskSizeInMB": size.temp_gib * 1024,
            "memoryInMB": int(size.memory_gib * 1024),
            "maxDataDiskCount": size.vcpus * 2,
        }
        for size in call.cloud.catalog.sizes.values()
    ]
    return Reply(200, {"value": value})


def _list(call: Call, group: str | None, region: str | None = None) -> Reply:
    expand = ""
    if call.query.get("statusonly", "").lower() == "true":
        expand = "status"
    elif "instanceview" in call.query.get("$expand", "").lower():
        expand = "instanceView"
    vms = [v for v in call.cloud.store.find_all(VM, group) if region in (None, v.location)]
    return page_of(call, vms, lambda vm: show_vm(call.cloud, vm, call.api_version, expand=expand))


def _region(call: Call, kind: str) -> str:
    asked = call.params["location"]
    known = call.cloud.catalog.region(asked)
    if known is None:
        raise errors.no_provider(call, asked, f"locations/{kind}")
    return known
