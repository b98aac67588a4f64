"""ACR Tasks, as much as quick builds need: an upload, a run, its states and its log.

A run is an operation: Queued, Started and Running are its steps, its end is the end of the work
that `registries.builds` does. `DockerBuildRequest` only; no tasks, agent pools or task runs.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from local_azure.errors import AzureError
from local_azure.moments import iso
from local_azure.operations import CANCELED, FAILED, RUNNING, Operation, ready, step
from local_azure.providers.common import REGISTRY, keep, page
from local_azure.providers.registries import ONE
from local_azure.route import Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

routes = Routes()
KIND = "registryrun.build"
RUN = ONE + "/runs/{run}"
WAITING = {"started": "Queued", "running": "Started", "done": "Running"}
ENDED = {FAILED: "Failed", CANCELED: "Canceled"}


@routes.on("POST", ONE + "/listBuildSourceUploadUrl")
def upload_url(call: Call) -> Reply:
    """Where to put a build context."""
    registry = call.need(REGISTRY)
    blob = f"source/{uuid.uuid4().hex}.tar.gz"
    blobs = call.cloud.registries.blobs(registry)
    url = blobs.sign(registry.properties["loginServer"], blob, "w")
    return Reply(200, {"uploadUrl": url, "relativePath": blob})


@routes.on("POST", ONE + "/scheduleRun")
def schedule_run(call: Call) -> Reply:
    """Queue a build."""
    registry, request = call.need(REGISTRY), call.body
    if request.get("type") != "DockerBuildRequest":
        raise AzureError(
            400, "InvalidRunRequest", f"The run request type '{request.get('type')}' is not served."
        )
    if not request.get("sourceLocation") or not isinstance(request.get("imageNames", []), list):
        raise AzureError(400, "InvalidRunRequest", "sourceLocation and imageNames are needed.")
    number = registry.hidden.get("runs", 0) + 1
    registry.hidden["runs"] = number
    keep(call.cloud, registry)
    run_id = f"ca{number}"
    now = call.cloud.clock.now()
    started = now + call.cloud.durations.of("registry", "build_queue")
    running = started + call.cloud.durations.of("registry", "build_start")
    operation = Operation(
        KIND,
        f"{registry.id}/runs/{run_id}",
        registry.location,
        now,
        [(started, "started"), (running, "running"), (running, "done")],
        {"registry": registry.id, "run": run_id, "request": request},
    )
    return Reply(200, _show(call.cloud.operations.begin(operation)))


@routes.on("GET", RUN)
def get_run(call: Call) -> Reply:
    """One run."""
    return Reply(200, _show(_need(call)))


@routes.on("GET", ONE + "/runs")
def list_runs(call: Call) -> Reply:
    """The runs of a registry."""
    prefix = f"{call.need(REGISTRY).id}/runs/".lower()
    rows = call.cloud.store.execute(
        "select id from operations where substr(resource, 1, ?) = ?", (len(prefix), prefix)
    )
    found = [call.cloud.operations.find(str(row[0])) for row in rows]
    return page(call, [(each.resource, _show(each)) for each in found if each])


@routes.on("POST", RUN + "/listLogSasUrl")
def log_url(call: Call) -> Reply:
    """Where to read the log."""
    registry, run = call.need(REGISTRY), _need(call)
    blobs = call.cloud.registries.blobs(registry)
    name = f"logs/{run.data['run']}.log"
    return Reply(200, {"logLink": blobs.sign(registry.properties["loginServer"], name, "r")})


@routes.on("POST", RUN + "/cancel")
def cancel_run(call: Call) -> Reply:
    """End a run."""
    run = _need(call)
    if run.status != RUNNING:
        raise AzureError(
            409, "RunNotCancelable", f"The run {run.data['run']} is already {_status(run)}."
        )
    call.cloud.operations.preempt(run.resource)
    call.cloud.registries.builds.cancel(run.resource)
    return Reply(200)


def status_of(cloud: Cloud, registry_id: str, run_id: str) -> str:
    """How a run has ended, in the word of a log's metadata; "" while it goes on."""
    run = _find(cloud, f"{registry_id}/runs/{run_id}")
    if run is None or run.status == RUNNING:
        return ""
    return {"Succeeded": "successful"}.get(_status(run), _status(run).lower())


def _find(cloud: Cloud, resource: str) -> Operation | None:
    rows = cloud.store.execute("select id from operations where resource = ?", (resource.lower(),))
    return cloud.operations.find(str(rows[0][0])) if rows else None


def _need(call: Call) -> Operation:
    registry = call.need(REGISTRY)
    found = _find(call.cloud, f"{registry.id}/runs/{call.params['run']}")
    if found is None:
        raise AzureError(404, "RunNotFound", f"The run {call.params['run']} was not found.")
    return found


def _status(run: Operation) -> str:
    if run.status == RUNNING:
        return WAITING[run.steps[0][1]] if run.steps else "Running"
    return ENDED.get(run.status, "Succeeded")


def _show(run: Operation) -> dict[str, Any]:
    request, ended = run.data["request"], run.data.get("finished", run.ended)
    properties: dict[str, Any] = {
        "runId": run.data["run"],
        "status": _status(run),
        "lastUpdatedTime": iso(ended or run.data.get("began", run.started)),
        "runType": "QuickBuild",
        "createTime": iso(run.started),
        "platform": request.get("platform", {"os": "linux", "architecture": "amd64"}),
        "provisioningState": "Succeeded" if run.status != FAILED else "Failed",
        "isArchiveEnabled": False,
    }
    if "began" in run.data:
        properties["startTime"] = iso(run.data["began"])
    if ended is not None:
        properties["finishTime"] = iso(ended)
    if run.data.get("images"):
        properties["outputImages"] = run.data["images"]
    if run.error:
        properties["runErrorMessage"] = run.error["message"]
    return {"id": run.resource, "name": run.data["run"], "type": f"{REGISTRY}/runs",
            "properties": properties}  # fmt: skip


@step(KIND, "running")
def _running(_cloud: Cloud, run: Operation, at: float) -> None:
    run.data["began"] = at


@ready(KIND, "done")
def _is_built(cloud: Cloud, run: Operation) -> bool:
    registry = cloud.store.get(run.data["registry"])
    if registry is None or cloud.registries.builds.outcome(run.resource):
        return True
    _begin_work(cloud, registry, run)
    return False


def _begin_work(cloud: Cloud, registry: Resource, run: Operation) -> None:
    request = json.loads(json.dumps(run.data["request"]))
    cloud.store.after_commit(
        lambda: cloud.registries.builds.begin(registry, run.resource, run.data["run"], request)
    )


@step(KIND, "done")
def _built(cloud: Cloud, run: Operation, _at: float) -> None:
    run.data["finished"] = cloud.clock.now()  # the step was due when the work began
    outcome = cloud.registries.builds.outcome(run.resource)
    if outcome is None:
        raise AzureError(404, "RegistryNotFound", "the registry was deleted")
    if outcome.error:
        raise AzureError(400, "RunFailed", outcome.error)
    run.data["images"] = outcome.images
