"""What happens to a VM over time: the steps of every operation on it.

Requests only start operations (see `vm_write`, `vm_power`); here each dated step changes the
record, the meter's rate and the guest's power, at the cloud time when it was due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_azure.errors import ALLOCATION, AzureError
from local_azure.operations import Operation, step
from local_azure.providers import life
from local_azure.providers.common import VM, keep, touch
from local_azure.state import Resource

if TYPE_CHECKING:
    from local_azure.cloud import Cloud


def set_state(
    cloud: Cloud, vm: Resource, at: float, *, power: str | None = "", provisioning: str = ""
) -> None:
    """Change a VM's states.

    Args:
        cloud: whose VM.
        vm: the VM.
        at: cloud time of the change.
        power: new power state, None for "not known"; empty leaves it.
        provisioning: new provisioning state; empty leaves it.
    """
    if power != "":
        vm.hidden["power"] = power
    if provisioning:
        vm.properties["provisioningState"] = provisioning
        vm.hidden["changed"] = at
        touch(vm)
        if provisioning != "Failed":
            vm.hidden["failure"] = None
    keep(cloud, vm, at)


def switch_on(cloud: Cloud, vm: Resource, at: float, ssh_open_at: float) -> None:
    """The VM runs from `at` on; its sshd listens at `ssh_open_at`."""
    vm.hidden.pop("is_shut_down_inside", None)
    vm.hidden["boot"] = {"at": at, "ssh_open_at": ssh_open_at, "going": None}
    set_state(cloud, vm, at, power="running")
    cloud.machines.power_on(vm)


def switch_off(cloud: Cloud, vm: Resource, *, is_orderly: bool) -> None:
    """The VM loses its power: the guest is told now, the record follows at the operation's end."""
    if vm.hidden.get("boot"):
        vm.hidden["boot"]["going"] = "orderly" if is_orderly else "pulled"
        cloud.machines.power_off(vm, is_orderly=is_orderly)


def _vm(cloud: Cloud, operation: Operation) -> Resource:
    vm = cloud.store.get(operation.resource)
    if vm is None or vm.type != VM:
        raise AzureError(404, "NotFound", f"The resource {operation.resource} was not found.")
    return vm


def _allocate(cloud: Cloud, vm: Resource) -> None:
    size = vm.properties["hardwareProfile"]["vmSize"]
    fault = cloud.faults.strike("allocation", size=size, region=vm.location)
    if fault:
        raise AzureError(409, str(fault.get("code", "AllocationFailed")), ALLOCATION)


@step("vm.create", "creating")
def _creating(cloud: Cloud, operation: Operation, at: float) -> None:
    set_state(cloud, _vm(cloud, operation), at, power="creating")


@step("vm.create", "allocate")
@step("vm.start", "allocate")
def _starting(cloud: Cloud, operation: Operation, at: float) -> None:
    vm = _vm(cloud, operation)
    _allocate(cloud, vm)
    set_state(cloud, vm, at, power="starting")


@step("vm.create", "power-on")
@step("vm.start", "power-on")
@step("vm.restart", "power-on")
@step("vm.update", "power-on")
def _power_on(cloud: Cloud, operation: Operation, at: float) -> None:
    switch_on(cloud, _vm(cloud, operation), at, max(at, operation.data["ssh_open_at"]))


@step("vm.create", "done")
@step("vm.start", "done")
@step("vm.restart", "done")
@step("vm.update", "done")
def _done(cloud: Cloud, operation: Operation, at: float) -> None:
    set_state(cloud, _vm(cloud, operation), at, provisioning="Succeeded")


@step("vm.deallocate", "done")
def _deallocated(cloud: Cloud, operation: Operation, at: float) -> None:
    vm = _vm(cloud, operation)
    vm.hidden["boot"] = None
    vm.hidden.pop("is_shut_down_inside", None)
    cloud.machines.wipe_temp_disk(vm)
    set_state(cloud, vm, at, power="deallocated", provisioning="Succeeded")


@step("vm.powerOff", "done")
def _stopped(cloud: Cloud, operation: Operation, at: float) -> None:
    vm = _vm(cloud, operation)
    vm.hidden.pop("is_shut_down_inside", None)
    if vm.hidden["power"] != "deallocated":
        vm.hidden["boot"] = None
        vm.hidden["power"] = "stopped"
    set_state(cloud, vm, at, provisioning="Succeeded")


@step("vm.delete", "done")
def _deleted(cloud: Cloud, operation: Operation, at: float) -> None:
    vm = cloud.store.get(operation.resource)
    if vm:
        life.end_vm(cloud, vm, at)


@step("vm.create", "failed")
@step("vm.start", "failed")
@step("vm.restart", "failed")
@step("vm.update", "failed")
@step("vm.deallocate", "failed")
@step("vm.powerOff", "failed")
@step("vm.delete", "failed")
def _failed(cloud: Cloud, operation: Operation, at: float) -> None:
    vm = cloud.store.get(operation.resource)
    if vm is None:
        return
    vm.hidden["failure"] = operation.error
    boot = vm.hidden.get("boot")
    if boot and boot["going"]:
        vm.hidden["boot"] = None
        vm.hidden["power"] = "stopped"  # the guest is down, the host is not given back: it bills
    elif not boot:
        vm.hidden["power"] = operation.data.get("power_before")
    set_state(cloud, vm, at, provisioning="Failed")
