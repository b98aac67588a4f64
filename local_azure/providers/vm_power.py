"""What can be done with a VM: start, deallocate, powerOff, restart, generalize.

One operation at a time: deallocate and powerOff preempt a create, start, restart or update that
still runs (it ends as Canceled, OperationPreempted); the same action again joins the one that runs;
anything else is refused with 409 Conflict, as Azure does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_azure import errors
from local_azure.operations import Operation
from local_azure.providers.common import VM, operation_reply, touch
from local_azure.providers.vm_checks import check_quota
from local_azure.providers.vm_states import set_state, switch_off
from local_azure.providers.vms import ONE
from local_azure.route import Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

routes = Routes()
WEAK = {"vm.create", "vm.start", "vm.restart", "vm.update"}
NO_HOST = (None, "deallocated")


@routes.on("POST", ONE + "/start")
def start(call: Call) -> Reply:
    """Give a stopped or deallocated VM a host and power; it may find no capacity."""
    vm = call.need(VM)
    if vm.hidden.get("is_generalized"):
        raise errors.not_allowed(
            f"Operation 'Start VM' is not allowed on VM '{vm.name}' since the VM is generalized."
        )
    joined = take_turn(call.cloud, vm, "vm.start")
    if joined:
        return operation_reply(call, joined, 202)
    power = vm.hidden.get("power")
    if power == "running":
        return _begin(call, vm, "vm.start", [("done", 0.0)], {})
    if power in NO_HOST:
        size = call.cloud.catalog.sizes[vm.properties["hardwareProfile"]["vmSize"]]
        check_quota(call.cloud, size, vm.location)
    set_state(call.cloud, vm, call.cloud.clock.now(), power="starting", provisioning="Updating")
    took = call.cloud.durations
    steps = [
        ("allocate", took.of("vm", "start_power_on") / 2),
        ("power-on", took.of("vm", "start_power_on")),
        ("done", took.of("vm", "start")),
    ]
    ssh_open_at = call.cloud.clock.now() + took.of("vm", "start_ssh_open")
    return _begin(call, vm, "vm.start", steps, {"ssh_open_at": ssh_open_at, "power_before": power})


@routes.on("POST", ONE + "/deallocate")
def deallocate(call: Call) -> Reply:
    """Shut a VM down and give its host back: no more charges for compute, the temp disk is gone."""
    operation = begin_deallocate(call.cloud, call.need(VM), call.cloud.clock.now())
    return operation_reply(call, operation, 202)


def begin_deallocate(cloud: Cloud, vm: Resource, at: float) -> Operation:
    """Begin to deallocate a VM, or join who does so already: the one way, whoever asks for it.

    Args:
        cloud: whose VM.
        vm: the VM.
        at: cloud time when it begins.

    Raises:
        AzureError: 409, an operation runs that does not give way.
    """
    joined = take_turn(cloud, vm, "vm.deallocate", preempts=WEAK | {"vm.powerOff"})
    if joined:
        return joined
    took, data = 0.0, {}
    if vm.hidden.get("power") != "deallocated":
        took, data = cloud.durations.of("vm", "deallocate"), {"power_before": "stopped"}
        switch_off(cloud, vm, is_orderly=True)
        set_state(cloud, vm, at, power="deallocating", provisioning="Updating")
    steps = [(at + took, "done")]
    return cloud.operations.begin(
        Operation("vm.deallocate", vm.id, vm.location, at, steps, dict(data))
    )


@routes.on("POST", ONE + "/powerOff")
def power_off(call: Call) -> Reply:
    """Shut a VM down and keep its host, which is billed on; `skipShutdown` pulls the plug."""
    vm = call.need(VM)
    joined = take_turn(call.cloud, vm, "vm.powerOff", preempts=WEAK)
    if joined:
        return operation_reply(call, joined, 202)
    if vm.hidden.get("power") == "deallocated":
        return _begin(call, vm, "vm.powerOff", [("done", 0.0)], {})
    skips = call.query.get("skipshutdown", "").lower() == "true"
    switch_off(call.cloud, vm, is_orderly=not skips)
    now = call.cloud.clock.now()
    set_state(call.cloud, vm, now, power="stopping", provisioning="Updating")
    steps = [("done", call.cloud.durations.of("vm", "power_off"))]
    return _begin(call, vm, "vm.powerOff", steps, {"power_before": "stopped"})


@routes.on("POST", ONE + "/restart")
def restart(call: Call) -> Reply:
    """Shut a running VM down and boot it again on the same host."""
    vm = call.need(VM)
    joined = take_turn(call.cloud, vm, "vm.restart")
    if joined:
        return operation_reply(call, joined, 202)
    if vm.hidden.get("power") != "running":
        raise errors.not_allowed("The operation requires the VM to be running (or set to run).")
    switch_off(call.cloud, vm, is_orderly=True)
    set_state(call.cloud, vm, call.cloud.clock.now(), provisioning="Updating")
    took = call.cloud.durations
    steps = [
        ("power-on", took.of("vm", "restart_power_on")),
        ("done", took.of("vm", "restart")),
    ]
    ssh_open_at = call.cloud.clock.now() + took.of("vm", "restart_ssh_open")
    return _begin(call, vm, "vm.restart", steps, {"ssh_open_at": ssh_open_at})


@routes.on("POST", ONE + "/generalize")
def generalize(call: Call) -> Reply:
    """Mark a VM as a template, at once and for ever: it never starts again."""
    vm = call.need(VM)
    if call.cloud.operations.running_on(vm.id):
        raise errors.conflict()
    is_off = vm.hidden.get("power") in ("stopped", "deallocated")
    if not is_off or vm.hidden.get("is_shut_down_inside"):
        # Published words; they also say that Azure still wants such a VM to run.
        raise errors.not_allowed(
            f"Operation 'generalize' is not allowed on VM '{vm.name}' since the VM is running. "
            "Please power off explicitly in case you shut down the VM from inside the guest "
            "operating system."
        )
    vm.hidden["is_generalized"] = True
    touch(vm)
    call.cloud.store.put(vm)
    return Reply(200)


def take_turn(
    cloud: Cloud, vm: Resource, kind: str, preempts: set[str] | None = None
) -> Operation | None:
    """Make room on a VM for an operation of `kind`.

    Args:
        cloud: whose VM.
        vm: the VM.
        kind: operation that wants to begin.
        preempts: kinds that give way to it.

    Returns:
        The operation of the same kind that runs already and is joined, else None.

    Raises:
        AzureError: 409 Conflict.
    """
    for running in cloud.operations.running_on(vm.id):
        if running.kind == kind:
            return running
        if running.kind not in (preempts or set()):
            raise errors.conflict()
        cloud.operations.preempt(vm.id)
    return None


def _begin(
    call: Call, vm: Resource, kind: str, steps: list[tuple[str, float]], data: dict[str, object]
) -> Reply:
    now = call.cloud.clock.now()
    dated = [(now + delay, name) for name, delay in steps]
    operation = Operation(kind, vm.id, vm.location, now, dated, data)
    return operation_reply(call, call.cloud.operations.begin(operation), 202)
