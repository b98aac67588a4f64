"""Creating, changing and deleting VMs."""

from __future__ import annotations

import copy

from local_azure import errors
from local_azure.errors import AzureError
from local_azure.operations import Operation
from local_azure.providers import life, vm_checks, vm_sources
from local_azure.providers.common import (
    IMAGE,
    VM,
    check_preconditions,
    check_same_location,
    check_tags,
    keep,
    new_resource,
    operation_reply,
    touch,
)
from local_azure.providers.image_checks import coming_from
from local_azure.providers.vm_model import Json, fill, link_image, make_disk, show_os_disk
from local_azure.providers.vm_power import WEAK, take_turn
from local_azure.providers.vm_states import set_state, switch_off
from local_azure.providers.vm_view import show_vm
from local_azure.providers.vms import ONE
from local_azure.route import Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

routes = Routes()
MOST_FROM_ONE_IMAGE = 20
"""VMs that one managed image brings up at once (Azure's capture page)."""


@routes.on("PUT", ONE)
def put_vm(call: Call) -> Reply:
    """Create a VM, or change one."""
    existing = call.find(VM)
    check_preconditions(call, existing)
    if existing is None:
        return _create(call)
    if call.cloud.operations.running_on(existing.id):
        raise errors.conflict()
    check_same_location(call, existing)
    existing.body["tags"] = check_tags(call.body.get("tags"))
    if existing.properties["provisioningState"] == "Failed" and not existing.hidden.get("power"):
        return _create_again(call, existing)
    return _update(call, existing)


@routes.on("PATCH", ONE)
def patch_vm(call: Call) -> Reply:
    """Change what the body names, tags as a whole."""
    vm = call.need(VM)
    check_preconditions(call, vm)
    if call.cloud.operations.running_on(vm.id):
        raise errors.conflict()
    if "tags" in call.body:
        vm.body["tags"] = check_tags(call.body["tags"])
    return _update(call, vm)


@routes.on("DELETE", ONE)
def delete_vm(call: Call) -> Reply:
    """Delete a VM and what its `deleteOption`s name; 204 when there is none."""
    vm = call.find(VM)
    if vm is None:
        return Reply(204)
    check_preconditions(call, vm)
    joined = take_turn(call.cloud, vm, "vm.delete", WEAK | {"vm.powerOff", "vm.deallocate"})
    if joined:
        return operation_reply(call, joined, 202)
    life.begin_end(call.cloud, vm)
    now = call.cloud.clock.now()
    took = call.cloud.durations.of("vm", "delete")
    if call.query.get("forcedeletion", "").lower() == "true":
        took /= 2
    operation = Operation("vm.delete", vm.id, vm.location, now, [(now + took, "done")])
    return operation_reply(call, call.cloud.operations.begin(operation), 202)


def _create(call: Call) -> Reply:
    cloud, vm = call.cloud, new_resource(call, VM)
    given = copy.deepcopy(call.properties)
    storage, profile = given.get("storageProfile") or {}, given.get("osProfile") or {}
    size = vm_checks.check_size(
        call, str((given.get("hardwareProfile") or {}).get("vmSize", "")), vm.location
    )
    source = vm_sources.find_source(call, given, vm)
    disk_gib = vm_sources.disk_size(storage, source)
    vm_checks.check_profile(profile)
    references = (given.get("networkProfile") or {}).get("networkInterfaces") or []
    nics = vm_checks.check_nics(call, vm, references)
    vm_checks.check_quota(cloud, size, vm.location)
    disk = make_disk(call, vm, storage.get("osDisk") or {}, disk_gib)
    link_image(disk, source)
    fill(vm, given, size, source)
    vm.properties["storageProfile"]["osDisk"] = show_os_disk(storage.get("osDisk") or {}, disk)
    vm.hidden |= {
        "image": source.image.id if source.image else None,
        "custom_data": profile.get("customData"),
        "generation": source.generation,
        "os_version": source.os_version,
        "boot": None,
    }
    if "zones" in call.body:
        vm.body["zones"] = call.body["zones"]
    keep(cloud, disk)
    if source.image:
        cloud.machines.fill_disk(disk)
    for nic in nics:
        nic.hidden["vm"] = vm.id
        keep(cloud, nic)
    set_state(cloud, vm, cloud.clock.now(), power=None, provisioning="Creating")
    operation = _begin_create(call, vm)
    return operation_reply(call, operation, 201, show_vm(cloud, vm, call.api_version))


def _create_again(call: Call, vm: Resource) -> Reply:
    """A create that failed left the VM's record: the same PUT tries again with what it has."""
    _refuse_changes(vm, call.properties)
    asked = (call.properties.get("hardwareProfile") or {}).get("vmSize")
    size = vm_checks.check_size(
        call, asked or vm.properties["hardwareProfile"]["vmSize"], vm.location
    )
    vm_checks.check_quota(call.cloud, size, vm.location)
    vm.properties["hardwareProfile"]["vmSize"] = size.name
    _take_delete_options(vm, call.properties)
    set_state(call.cloud, vm, call.cloud.clock.now(), provisioning="Creating")
    operation = _begin_create(call, vm)
    return operation_reply(call, operation, 200, show_vm(call.cloud, vm, call.api_version))


def _begin_create(call: Call, vm: Resource) -> Operation:
    took, now = call.cloud.durations, call.cloud.clock.now()
    power_on = min(took.of("vm", "create_power_on"), took.of("vm", "create_ssh_open"))
    steps = [
        (now + power_on / 3, "creating"),
        (now + power_on * 2 / 3, "allocate"),
        (now + power_on, "power-on"),
        (now + took.of("vm", "create"), "done"),
    ]
    data = {"ssh_open_at": now + took.of("vm", "create_ssh_open"), "power_before": None}
    operation = Operation("vm.create", vm.id, vm.location, now, steps, data)
    if _is_crowded(call, vm):
        _time_out(call, operation)
    return call.cloud.operations.begin(operation)


def _is_crowded(call: Call, vm: Resource) -> bool:
    """Whether too many VMs are just being made from the VM's managed image.

    Documented: more than 20 at once may end in provisioning timeouts, as they all read one VHD.
    Galleries are spared: they have replicas.
    """
    image = call.cloud.store.get(vm.hidden.get("image") or "")
    if image is None or image.type != IMAGE:
        return False
    others = [other for other in coming_from(call.cloud, image.id) if other.id != vm.id]
    return len(others) >= MOST_FROM_ONE_IMAGE


def _time_out(call: Call, operation: Operation) -> None:
    """The VM runs and bills, but its OS does not report in time; it may still come up later."""
    due = operation.started + call.cloud.durations.of("vm", "provisioning_timeout")
    operation.steps[-1] = (due, "done")
    operation.data["ssh_open_at"] = due
    name = operation.resource.rpartition("/")[2]
    operation.failure = {
        "code": "OSProvisioningTimedOut",
        "message": f"OS Provisioning for VM '{name}' did not finish in the allotted time. The VM "
        "may still finish provisioning successfully. Please check provisioning state later.",
    }


def _update(call: Call, vm: Resource) -> Reply:
    cloud, given = call.cloud, call.properties
    _refuse_changes(vm, given)
    steps: list[tuple[float, str]] = []
    data: Json = {}
    now = cloud.clock.now()
    took = cloud.durations.of("vm", "update")
    asked = (given.get("hardwareProfile") or {}).get("vmSize")
    if asked and asked.lower() != vm.properties["hardwareProfile"]["vmSize"].lower():
        size = vm_checks.check_size(call, asked, vm.location)
        if vm.hidden.get("boot"):
            vm_checks.check_quota(cloud, size, vm.location)
            switch_off(cloud, vm, is_orderly=True)
            steps.append((now + cloud.durations.of("vm", "restart_power_on"), "power-on"))
            data["ssh_open_at"] = now + cloud.durations.of("vm", "restart_ssh_open")
            took = cloud.durations.of("vm", "restart")
        vm.properties["hardwareProfile"]["vmSize"] = size.name
    _take_delete_options(vm, given)
    touch(vm)
    cloud.meter.relabel(vm)
    set_state(cloud, vm, now, provisioning="Updating")
    steps.append((now + took, "done"))
    operation = Operation("vm.update", vm.id, vm.location, now, steps, data)
    cloud.operations.begin(operation)
    return operation_reply(call, operation, 200, show_vm(cloud, vm, call.api_version))


def _refuse_changes(vm: Resource, given: Json) -> None:
    """What is fixed at creation."""
    profile = given.get("osProfile") or {}
    image = (given.get("storageProfile") or {}).get("imageReference") or {}
    own_image = vm.properties["storageProfile"]["imageReference"]
    fixed = {
        "osProfile.adminUsername": (profile, vm.properties["osProfile"], "adminUsername"),
        "osProfile.computerName": (profile, vm.properties["osProfile"], "computerName"),
        "osProfile.customData": (profile, {"customData": vm.hidden["custom_data"]}, "customData"),
        "imageReference": (image, own_image, "id" if "id" in own_image else "sku"),
    }
    for name, (new, old, key) in fixed.items():
        if new.get(key) is not None and new[key] != old.get(key):
            raise AzureError(
                409,
                "PropertyChangeNotAllowed",
                f"Changing property '{name}' is not allowed.",
                target=name,
            )


def _take_delete_options(vm: Resource, given: Json) -> None:
    option = ((given.get("storageProfile") or {}).get("osDisk") or {}).get("deleteOption")
    if option:
        vm.properties["storageProfile"]["osDisk"]["deleteOption"] = option
    for reference in (given.get("networkProfile") or {}).get("networkInterfaces") or []:
        for own in vm.properties["networkProfile"]["networkInterfaces"]:
            if (
                own["id"].lower() == str(reference.get("id", "")).lower()
                and "properties" in reference
            ):
                own["properties"] = reference["properties"]
