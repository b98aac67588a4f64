"""Microsoft.DevTestLab/schedules: a VM is deallocated every day at the same time.

What the portal calls auto-shutdown. The schedule is a resource of its own: it outlives its VM, goes
with its group, carries tags. Only the kind for VMs outside labs is served. Ids are written in lower
case, as recorded.
"""

from __future__ import annotations

import copy
import re
from datetime import time
from typing import TYPE_CHECKING, Any

from local_azure import errors
from local_azure.errors import AzureError
from local_azure.moments import iso
from local_azure.operations import Operation, step
from local_azure.providers.common import (
    VM,
    check_preconditions,
    check_same_location,
    check_tags,
    keep,
    list_of,
    new_resource,
    touch,
)
from local_azure.providers.time_zones import find_zone, next_time
from local_azure.providers.vm_power import begin_deallocate
from local_azure.route import GROUP, SUBSCRIPTION, Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

routes = Routes()
SCHEDULE = "Microsoft.DevTestLab/schedules"
IN_GROUP = GROUP + "/providers/" + SCHEDULE
ONE = IN_GROUP + "/{name}"
PREFIX = "shutdown-computevm-"
KIND = "schedule.daily"
TIME = re.compile(r"([01]\d|2[0-3]):?([0-5]\d)")
IDLE = ("deallocated", "deallocating", None)
GIVEN = (
    "status", "taskType", "dailyRecurrence", "timeZoneId", "notificationSettings",
    "targetResourceId",
)  # fmt: skip


@routes.on("PUT", ONE)
def put_schedule(call: Call) -> Reply:
    """Create a schedule, or replace one."""
    existing = call.find(SCHEDULE)
    check_preconditions(call, existing)
    if existing:
        check_same_location(call, existing)
    schedule = existing or _new(call)
    schedule.body["tags"] = check_tags(call.body.get("tags"))
    _fill(call, schedule)
    touch(schedule)
    keep(call.cloud, schedule)
    _arm(call.cloud, schedule, call.cloud.clock.now())
    return Reply(200 if existing else 201, show_schedule(schedule))


@routes.on("PATCH", ONE)
def patch_schedule(call: Call) -> Reply:
    """Change a schedule's tags; everything else is ignored, as documented."""
    schedule = call.need(SCHEDULE)
    if "tags" in call.body:
        schedule.body["tags"] = check_tags(call.body["tags"])
        touch(schedule)
        keep(call.cloud, schedule)
    return Reply(200, show_schedule(schedule))


@routes.on("GET", ONE)
def get_schedule(call: Call) -> Reply:
    """One schedule."""
    return Reply(200, show_schedule(call.need(SCHEDULE)))


@routes.on("GET", IN_GROUP, SUBSCRIPTION + "/providers/" + SCHEDULE)
def list_schedules(call: Call) -> Reply:
    """The schedules of a group or of the subscription."""
    return list_of(call, SCHEDULE, show_schedule)


@routes.on("DELETE", ONE)
def delete_schedule(call: Call) -> Reply:
    """Delete a schedule; 204 when there is none."""
    schedule = call.find(SCHEDULE)
    if schedule is None:
        return Reply(204)
    call.cloud.operations.preempt(schedule.id)
    call.cloud.store.delete(schedule.id)
    return Reply(200)


@step(KIND, "fire")
def _fire(cloud: Cloud, operation: Operation, at: float) -> None:
    schedule = cloud.store.get(operation.resource)
    if schedule is None:
        return
    _next(cloud, schedule, at)
    vm = cloud.store.get(schedule.properties["targetResourceId"])
    if vm is None or vm.type != VM:
        raise AzureError(404, "ResourceNotFound", "The target of the schedule was not found.")
    if vm.hidden.get("power") not in IDLE:
        begin_deallocate(cloud, vm, at)


@step(KIND, "failed")
def _failed(cloud: Cloud, operation: Operation, at: float) -> None:
    """A day that failed takes no other day along."""
    schedule = cloud.store.get(operation.resource)
    if schedule and not cloud.operations.running_on(schedule.id):
        _next(cloud, schedule, at)


def _arm(cloud: Cloud, schedule: Resource, now: float) -> None:
    """Let the schedule fire at its next time after `now`, and at no other."""
    cloud.operations.preempt(schedule.id)
    if schedule.properties["status"] == "Enabled":
        _next(cloud, schedule, now)


def _next(cloud: Cloud, schedule: Resource, after: float) -> None:
    zone = find_zone(schedule.properties["timeZoneId"])
    at = _time(schedule.properties["dailyRecurrence"]["time"])
    if zone and at:
        steps = [(next_time(after, at, zone), "fire")]
        cloud.operations.begin(Operation(KIND, schedule.id, schedule.location, after, steps))


def show_schedule(schedule: Resource) -> dict[str, Any]:
    """The document of a schedule; tags appear when there are some, as recorded."""
    document = copy.deepcopy(schedule.body)
    if not document["tags"]:
        del document["tags"]
    return document


def _new(call: Call) -> Resource:
    schedule = new_resource(call, SCHEDULE)
    named = (
        f"/subscriptions/{call.params['subscription']}/resourcegroups/{call.params['group']}"
        f"/providers/{SCHEDULE.lower()}/{call.params['name']}"
    )
    schedule.id = named
    schedule.body |= {"id": named, "type": SCHEDULE.lower()}
    schedule.body["properties"] = {
        "createdDate": iso(call.cloud.clock.now()),
        "provisioningState": "Succeeded",
        "uniqueIdentifier": schedule.hidden["guid"],
    }
    return schedule


def _fill(call: Call, schedule: Resource) -> None:
    given = {name: call.properties[name] for name in GIVEN if name in call.properties}
    given = {"status": "Disabled", "timeZoneId": "UTC"} | given
    _check(call, given)
    computed = {k: v for k, v in schedule.properties.items() if k not in GIVEN}
    schedule.body["properties"] = given | computed


def _check(call: Call, given: dict[str, Any]) -> None:
    if given["status"] not in ("Enabled", "Disabled"):
        raise _bad("InvalidStatus", f"Property Status '{given['status']}' is not valid.")
    if given.get("taskType") != "ComputeVmShutdownTask":
        raise _bad("InvalidTaskType", "Property TaskType must be ComputeVmShutdownTask.")
    recurrence = given.get("dailyRecurrence")
    if not isinstance(recurrence, dict) or _time(recurrence.get("time")) is None:
        raise _bad("InvalidDailyRecurrence", "Property DailyRecurrence.Time must be HHmm.")
    if find_zone(str(given["timeZoneId"])) is None:
        raise _bad("InvalidTimeZone", "Property TimeZoneId must be a valid time zone.")
    target = str(given.get("targetResourceId", ""))
    vm = call.cloud.store.get(target)
    if vm is None or vm.type != VM:
        raise errors.resource_not_found(VM, target.rpartition("/")[2], call.params["group"])
    if call.params["name"].lower() != (PREFIX + vm.name).lower():
        raise _bad("InvalidScheduleId", f"The name of the schedule must be {PREFIX}{vm.name}.")


def _time(text: Any) -> time | None:
    match = TIME.fullmatch(str(text))
    return time(int(match[1]), int(match[2])) if match else None


def _bad(code: str, message: str) -> AzureError:
    return AzureError(400, code, message)
