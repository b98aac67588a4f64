"""The addresses where clients ask how an operation is going."""

from __future__ import annotations

from local_azure import errors
from local_azure.operations import CANCELED, FAILED, Operation
from local_azure.pace import poll_headers
from local_azure.providers.common import failed_reply, is_running
from local_azure.providers.disks import show_disk
from local_azure.route import SUBSCRIPTION, Routes
from local_azure.wire import Call, Reply

routes = Routes()
COMPUTE = SUBSCRIPTION + "/providers/Microsoft.Compute/locations/{location}"
NETWORK = SUBSCRIPTION + "/providers/Microsoft.Network/locations/{location}"


@routes.on(
    "GET",
    COMPUTE + "/operations/{operation}",
    COMPUTE + "/DiskOperations/{operation}",
    COMPUTE + "/capsOperations/{operation}",
)
def poll_compute(call: Call) -> Reply:
    """Status of a compute operation; with `monitor=true` its result."""
    operation = _find(call)
    if call.query.get("monitor") == "true":
        return _result(call, operation)
    document = operation.document()
    if operation.kind == "disk.put" and operation.status == "Succeeded":
        disk = call.cloud.store.get(operation.resource)
        output = show_disk(call.cloud, disk) if disk else None
        document = _before_name(document, {"properties": {"output": output}})
    return Reply(200, document, _pace(call, operation))


@routes.on("GET", NETWORK + "/operations/{operation}")
def poll_network(call: Call) -> Reply:
    """Status of a network operation."""
    operation = _find(call)
    document: dict[str, object] = {"status": operation.status}
    if operation.error:
        document["error"] = {"details": [], **operation.error}
    return Reply(200, document, _pace(call, operation))


@routes.on("GET", NETWORK + "/operationResults/{operation}")
def result_of_network(call: Call) -> Reply:
    """Result of a network operation."""
    return _result(call, _find(call))


@routes.on("GET", SUBSCRIPTION + "/operationresults/{operation}")
def result_of_group(call: Call) -> Reply:
    """Result of the deletion of a resource group."""
    return _result(call, _find(call))


def _result(call: Call, operation: Operation) -> Reply:
    if is_running(operation):
        here = call.url(call.path, **{k: v for k, v in call.query.items() if k != "api-version"})
        return Reply(202, None, {"location": here, **_pace(call, operation)})
    if operation.status in (FAILED, CANCELED):
        return failed_reply(operation)
    if operation.kind == "disk.put":
        disk = call.cloud.store.get(operation.resource)
        return Reply(200, show_disk(call.cloud, disk) if disk else None)
    return Reply(200)


def _find(call: Call) -> Operation:
    operation = call.cloud.operations.find(call.params["operation"])
    if operation is None:
        raise errors.AzureError(404, "NotFound", "The entity was not found in this Azure location.")
    return operation


def _pace(call: Call, operation: Operation) -> dict[str, str]:
    return poll_headers(call.cloud, is_first=False) if is_running(operation) else {}


def _before_name(document: dict[str, object], extra: dict[str, object]) -> dict[str, object]:
    name = document.pop("name")
    return {**document, **extra, "name": name}
