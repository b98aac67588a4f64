"""Microsoft.ComputeSchedule: VMs are deallocated at a moment that somebody chose before.

A batch is answered with one result per VM: what is wrong with one VM is told in its result, never
as an HTTP error. At the deadline the deallocation is the ordinary one (`vm_power`). Limits are the
documented ones: UTC alone, at most 5 minutes in the past and 14 days ahead.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from local_azure import errors
from local_azure.errors import AzureError
from local_azure.operations import CANCELED, RUNNING, Operation
from local_azure.providers import deferred
from local_azure.providers.common import VM
from local_azure.route import SUBSCRIPTION, Routes
from local_azure.wire import Call, Reply

routes = Routes()
LOCATION = SUBSCRIPTION + "/providers/Microsoft.ComputeSchedule/locations/{location}"
EARLIEST, LATEST = timedelta(minutes=-5), timedelta(days=14)
RETRIES = ("retryCount", "retryWindowInMinutes")
UTC_NAMES = ("utc", "etc/utc")
Json = dict[str, Any]


@routes.on("POST", LOCATION + "/virtualMachinesSubmitDeallocate")
def submit_deallocate(call: Call) -> Reply:
    """Deallocate VMs at a deadline."""
    schedule = _object(call.body, "schedule")
    if schedule.get("deadlineType") != "InitiateAt":
        raise _bad(f"deadlineType '{schedule.get('deadlineType')}' is not supported: InitiateAt.")
    zone = schedule.get("timezone", schedule.get("timeZone", "UTC"))
    if str(zone).lower() not in UTC_NAMES:
        raise _bad(f"timezone '{zone}' is not supported: UTC.")
    return _begin(call, _deadline(call, schedule))


@routes.on("POST", LOCATION + "/virtualMachinesExecuteDeallocate")
def execute_deallocate(call: Call) -> Reply:
    """Deallocate VMs at once."""
    return _begin(call, call.cloud.clock.now())


@routes.on("POST", LOCATION + "/virtualMachinesGetOperationStatus")
def get_status(call: Call) -> Reply:
    """How operations are going."""
    return Reply(200, {"results": [_status(call, name) for name in _operation_ids(call)]})


@routes.on("POST", LOCATION + "/virtualMachinesCancelOperations")
def cancel(call: Call) -> Reply:
    """Cancel operations whose deadline has not come."""
    return Reply(200, {"results": [_cancel(call, name) for name in _operation_ids(call)]})


@routes.on("POST", LOCATION + "/virtualMachinesGetOperationErrors")
def get_errors(call: Call) -> Reply:
    """What went wrong on the way, also where a retry put it right."""
    results = [
        deferred.show_errors(call.cloud, found) if found else {"operationId": name}
        for name in _operation_ids(call, needs_correlation=False)
        for found in [_find(call, name)]
    ]
    return Reply(200, {"results": results})


def _begin(call: Call, deadline: float) -> Reply:
    location = _location(call)
    _correlation(call)
    policy = _policy(_object(call.body, "executionParameters"))
    ids = _object(call.body, "resources").get("ids")
    if not isinstance(ids, list) or not ids:
        raise _bad("resources.ids is not a list of resource ids.")
    results = [_begin_one(call, str(vm_id), deadline, policy) for vm_id in ids]
    body = {
        "description": "Deallocate Resource request",
        "type": "VirtualMachines",
        "location": location,
        "results": results,
    }
    return Reply(200, body)


def _begin_one(call: Call, vm_id: str, deadline: float, policy: Json) -> Json:
    vm = call.cloud.store.get(vm_id)
    if vm is None or vm.type != VM:
        return _refused(vm_id, "ResourceNotFound", f"The resource '{vm_id}' was not found.")
    if vm.location != _location(call):
        text = f"The resource '{vm_id}' is in location '{vm.location}'."
        return _refused(vm_id, "InvalidLocation", text)
    fault = call.cloud.faults.strike("schedule", resource=vm_id)
    if fault:
        code = str(fault.get("code", "SchedulingOperationsBlockedException"))
        return _refused(vm_id, code, str(fault.get("message", "The operation is blocked.")))
    operation = deferred.deallocation(call.cloud, vm, deadline, policy)
    call.cloud.operations.begin(operation)
    shown = deferred.show(call.cloud, operation)
    if operation.status == RUNNING:
        shown["state"] = "PendingScheduling"
    return {"resourceId": vm_id, "operation": shown}


def _status(call: Call, name: str) -> Json:
    operation = _find(call, name)
    if operation is None:
        return _unknown(name)
    shown = deferred.show(call.cloud, operation)
    return {"resourceId": shown["resourceId"], "operation": shown}


def _cancel(call: Call, name: str) -> Json:
    operation = _find(call, name)
    if operation is None:
        return _unknown(name)
    if operation.status == RUNNING and not deferred.is_executing(operation):
        call.cloud.operations.preempt(operation.resource)
        return _status(call, name)
    result = _status(call, name)
    if operation.status != CANCELED:
        result["errorCode"] = "OperationCannotBeCancelled"
        result["errorDetails"] = f"Operation: {name} is {result['operation']['state']}."
    return result


def _find(call: Call, name: str) -> Operation | None:
    operation = call.cloud.operations.find(name)
    return operation if operation and operation.kind == deferred.KIND else None


def _refused(vm_id: str, code: str, details: str) -> Json:
    return {"resourceId": vm_id, "errorCode": code, "errorDetails": details}


def _unknown(name: str) -> Json:
    return {
        "errorCode": "OperationNotFound",
        "errorDetails": f"Operation: {name} was not found.",
        "operation": {"operationId": name, "state": "Unknown"},
    }


def _policy(parameters: Json) -> Json:
    given = _object(parameters, "retryPolicy") if "retryPolicy" in parameters else {}
    policy = {name: given[name] for name in RETRIES if name in given}
    for name, value in policy.items():
        if not isinstance(value, int) or value < 0:
            raise _bad(f"retryPolicy.{name} '{value}' is not a whole number.")
    return policy


def _deadline(call: Call, schedule: Json) -> float:
    text = str(schedule.get("deadline", schedule.get("deadLine", "")))
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise _bad(f"deadline '{text}' is not a date and time.") from error
    given = given if given.tzinfo else given.replace(tzinfo=UTC)
    ahead = given - datetime.fromtimestamp(call.cloud.clock.now(), UTC)
    if not EARLIEST <= ahead <= LATEST:
        raise _bad(
            f"deadline '{text}' is more than 5 minutes in the past or 14 days in the future."
        )
    return max(given.timestamp(), call.cloud.clock.now())


def _operation_ids(call: Call, *, needs_correlation: bool = True) -> list[str]:
    _location(call)
    if needs_correlation:
        _correlation(call)
    names = call.body.get("operationIds")
    if not isinstance(names, list) or not names:
        raise _bad("operationIds is not a list of operation ids.")
    return [str(name) for name in names]


def _correlation(call: Call) -> None:
    given = call.body.get("correlationid")
    try:
        uuid.UUID(str(given))
    except ValueError as error:
        raise _bad(f"correlationid '{given}' is not a GUID.") from error


def _location(call: Call) -> str:
    known = call.cloud.catalog.region(call.params["location"])
    if known is None:
        raise errors.no_provider(call, call.params["location"], "locations")
    return known


def _object(body: Json, name: str) -> Json:
    value = body.get(name)
    if not isinstance(value, dict):
        raise _bad(f"{name} is not an object.")
    return value


def _bad(message: str) -> AzureError:
    return AzureError(400, "BadRequest", message)
