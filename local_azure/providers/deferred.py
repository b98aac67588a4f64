"""Deallocations that wait for their moment, and what is told about them.

An operation of kind `schedule.deallocate` sleeps until its deadline, begins the VM's ordinary
deallocation there, at exactly that cloud time, and ends as that one ends. A VM that is busy with
something stronger is tried again every minute, as often and as long as the retry policy says.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from local_azure.errors import AzureError
from local_azure.moments import iso
from local_azure.operations import CANCELED, FAILED, RUNNING, SUCCEEDED, Operation, ready, step
from local_azure.providers.common import VM
from local_azure.providers.vm_power import begin_deallocate
from local_azure.state import Resource

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

KIND = "schedule.deallocate"
RETRY_SECONDS = 60.0
STATES = {SUCCEEDED: "Succeeded", FAILED: "Failed", CANCELED: "Cancelled"}
Json = dict[str, Any]


def deallocation(cloud: Cloud, vm: Resource, deadline: float, policy: Json) -> Operation:
    """A deallocation of `vm` at `deadline`, not begun.

    Args:
        cloud: whose VM.
        vm: the VM.
        deadline: cloud time.
        policy: `retryPolicy` as given: `retryCount`, `retryWindowInMinutes`.
    """
    name = str(uuid.uuid4())
    data = {"vm": vm.id, "deadline": deadline, "policy": policy, "errors": []}
    # Not the VM itself: a timer that sleeps must not be in the way of anything that the VM does.
    resource = f"{vm.id}/providers/Microsoft.ComputeSchedule/operations/{name}"
    steps = [(deadline, "initiate"), (deadline, "done")]
    return Operation(KIND, resource, vm.location, cloud.clock.now(), steps, data, name)


def is_executing(operation: Operation) -> bool:
    """Whether the deadline has come."""
    return "vm_operation" in operation.data


@step(KIND, "initiate")
def _initiate(cloud: Cloud, operation: Operation, at: float) -> None:
    if operation.failure:
        raise AzureError(409, operation.failure["code"], operation.failure["message"])
    vm = cloud.store.get(operation.data["vm"])
    if vm is None or vm.type != VM:
        raise AzureError(
            404, "ResourceNotFound", f"The resource '{operation.data['vm']}' was not found."
        )
    try:
        started = begin_deallocate(cloud, vm, at)
    except AzureError as error:
        _note(operation, error, at)
        if not _may_retry(operation, at):
            raise
        operation.steps.insert(0, (at + RETRY_SECONDS, "initiate"))
        return
    operation.data["vm_operation"] = started.id
    operation.resource = started.id


@ready(KIND, "done")
def _is_deallocated(cloud: Cloud, operation: Operation) -> bool:
    started = cloud.operations.find(operation.data["vm_operation"])
    return started is None or started.status != RUNNING


@step(KIND, "done")
def _done(cloud: Cloud, operation: Operation, at: float) -> None:
    started = cloud.operations.find(operation.data["vm_operation"])
    if started is None or started.status == SUCCEEDED:
        return
    given = started.error or {}
    error = AzureError(409, str(given.get("code")), str(given.get("message")))
    _note(operation, error, started.ended or at)
    raise error


def _may_retry(operation: Operation, at: float) -> bool:
    policy = operation.data["policy"]
    window = 60.0 * float(policy.get("retryWindowInMinutes") or 0)
    is_early = at + RETRY_SECONDS <= operation.data["deadline"] + window
    return is_early and len(operation.data["errors"]) <= int(policy.get("retryCount") or 0)


def _note(operation: Operation, error: AzureError, at: float) -> None:
    operation.data["errors"].append({"code": error.code, "message": error.message, "at": at})


def show(cloud: Cloud, operation: Operation) -> Json:
    """The `operation` object of a result."""
    data = operation.data
    state = STATES.get(operation.status, "Executing" if is_executing(operation) else "Scheduled")
    shown: Json = {
        "operationId": operation.id,
        "resourceId": data["vm"],
        "opType": "Deallocate",
        "subscriptionId": cloud.identity.subscription_id,
        "deadline": iso(data["deadline"]),
        "deadlineType": "InitiateAt",
        "state": state,
        "timezone": "UTC",
        "timeZone": "UTC",
        "retryPolicy": data["policy"],
    }
    if operation.status == CANCELED:
        text = f"Operation: {operation.id} was cancelled by the user."
        shown["resourceOperationError"] = _error("OperationCancelledByUser", text)
    elif operation.error:
        given = operation.error
        shown["resourceOperationError"] = _error(given["code"], given["message"])
    ended = _ended(cloud, operation)
    return shown | ({"completedAt": iso(ended)} if ended is not None else {})


def show_errors(cloud: Cloud, operation: Operation) -> Json:
    """What `virtualMachinesGetOperationErrors` tells about an operation."""
    ended = _ended(cloud, operation)
    name = operation.data.get("vm_operation")
    found = [
        _error(e["code"], e["message"])
        | {"timestamp": iso(e["at"]), "timeStamp": iso(e["at"])}
        | ({"azureOperationName": name, "crpOperationId": name} if name else {})
        for e in operation.data["errors"]
    ]
    shown: Json = {
        "operationId": operation.id,
        "creationTime": iso(operation.started),
        "activationTime": iso(operation.data["deadline"]),
        "operationErrors": found,
        "requestErrorCode": None,
        "requestErrorDetails": None,
    }
    return shown | ({"completedAt": iso(ended)} if ended is not None else {})


def _error(code: str, details: str) -> Json:
    return {"errorCode": code, "errorDetails": details}


def _ended(cloud: Cloud, operation: Operation) -> float | None:
    """When it ended; the VM's own operation says so exactly."""
    if operation.status == RUNNING:
        return None
    started = cloud.operations.find(operation.data.get("vm_operation", ""))
    return started.ended if started else operation.ended
