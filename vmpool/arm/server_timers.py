"""Azure's own timers that deallocate VMs: set, moved, taken back. For when nothing of ours runs.

Microsoft.ComputeSchedule where the subscription lets us: once, at an exact moment, many VMs in one
request. Else the daily auto-shutdown of Microsoft.DevTestLab: one resource per VM, whose next time
of day is the deadline, so no more than a day ahead. Plain requests: five fields need no SDK.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vmpool.arm.clients import Cloud
from vmpool.arm.errors import azure_code
from vmpool.arm.kinds import VM, resource_id, subscription_id
from vmpool.arm.registration import UNREGISTERED
from vmpool.arm.rest import Json, list_all, send
from vmpool.deadlines import TOO_FAR
from vmpool.errors import NotFoundError, VmPoolError

COMPUTE_SCHEDULE = "Microsoft.ComputeSchedule"
COMPUTE_SCHEDULE_API = "2025-05-01"
DEV_TEST_LAB_API = "2018-09-15"
SCHEDULE = "Microsoft.DevTestLab/schedules"
SCHEDULE_PREFIX = "shutdown-computevm-"
"""Azure takes no other name for the schedule of a VM."""
MOST_VMS = 100
"""In one request of Microsoft.ComputeSchedule (its documented limit)."""
RETRIES, RETRY_WINDOW_MINUTES = 5, 60
"""How often and how long Azure tries a deallocation that something is in the way of."""
FARTHEST_DAILY = timedelta(hours=23, minutes=59)


@dataclass(frozen=True)
class Submitted:
    """What became of one VM's timer.

    Attributes:
        id: the operation that will deallocate it, "" if Azure refused.
        code: why it refused.
    """

    id: str = ""
    code: str = ""


def submit(cloud: Cloud, region: str, names: Sequence[str], at: datetime) -> dict[str, Submitted]:
    """Have Azure deallocate VMs once, at a moment. Never raises: a refusal is an answer.

    Args:
        cloud: connection.
        region: where all of them are.
        names: VM names.
        at: when (cloud time).
    """
    found: dict[str, Submitted] = {}
    for start in range(0, len(names), MOST_VMS):
        part = names[start : start + MOST_VMS]
        try:
            found |= _submit(cloud, region, part, at)
        except VmPoolError as error:
            code = azure_code(error) or type(error).__name__
            found |= dict.fromkeys(part, Submitted(code=code))
    return found


def _submit(cloud: Cloud, region: str, names: Sequence[str], at: datetime) -> dict[str, Submitted]:
    ids = {resource_id(cloud, VM, name).lower(): name for name in names}
    policy = {"retryCount": RETRIES, "retryWindowInMinutes": RETRY_WINDOW_MINUTES}
    body: Json = {
        "schedule": {
            "deadline": at.isoformat(),
            "timezone": "UTC",
            "deadlineType": "InitiateAt",
        },
        "executionParameters": {"retryPolicy": policy},
        "resources": {"ids": [resource_id(cloud, VM, name) for name in names]},
    }
    answer = _post(cloud, region, "SubmitDeallocate", body)
    told = {str(item.get("resourceId", "")).lower(): item for item in answer.get("results", [])}
    return {name: _outcome(told.get(vm_id, {})) for vm_id, name in ids.items()}


def _outcome(result: Json) -> Submitted:
    operation = result.get("operation") or {}
    named = str(operation.get("operationId") or "")
    code = str(result.get("errorCode") or "")
    return Submitted(named) if named and not code else Submitted(code=code or "NoOperation")


def cancel(cloud: Cloud, region: str, ids: Sequence[str]) -> None:
    """Take timers back that have not acted yet; those that are gone are no error.

    Args:
        cloud: connection.
        region: where they were set.
        ids: operation ids.

    Raises:
        VmPoolError: Azure refused or could not be asked.
    """
    if ids:
        _post(cloud, region, "CancelOperations", {"operationIds": list(ids)})


def _post(cloud: Cloud, region: str, action: str, body: Json) -> Json:
    where = f"{subscription_id(cloud)}/providers/{COMPUTE_SCHEDULE}/locations/{region}"
    path, query = f"{where}/virtualMachines{action}", {"api-version": COMPUTE_SCHEDULE_API}
    return send(cloud, "POST", path, query, body | {"correlationid": str(uuid.uuid4())})


def schedule_id(cloud: Cloud, name: str) -> str:
    """ARM id of a VM's daily timer."""
    return resource_id(cloud, SCHEDULE, SCHEDULE_PREFIX + name)


def set_daily(
    cloud: Cloud, region: str, name: str, at: datetime, owner: dict[str, str]
) -> Submitted:
    """Have Azure deallocate a VM every day at a time of day. Never raises, like `submit`.

    Args:
        cloud: connection.
        region: where it is.
        name: VM name.
        at: when first (cloud time), a whole minute.
        owner: tags that say whose the timer is.
    """
    if not timedelta() < at - cloud.clock.now() <= FARTHEST_DAILY:
        return Submitted(code=TOO_FAR)
    body: Json = {
        "location": region,
        "tags": owner,
        "properties": {
            "status": "Enabled",
            "taskType": "ComputeVmShutdownTask",
            "dailyRecurrence": {"time": f"{at:%H%M}"},
            "timeZoneId": "UTC",
            "targetResourceId": resource_id(cloud, VM, name),
        },
    }
    path = schedule_id(cloud, name)
    try:
        send(cloud, "PUT", path, {"api-version": DEV_TEST_LAB_API}, body)
    except VmPoolError as error:
        return Submitted(code=azure_code(error) or type(error).__name__)
    return Submitted(id=path)


def delete_daily(cloud: Cloud, name: str) -> None:
    """Take a VM's daily timer back; a missing one is no error.

    Raises:
        VmPoolError: Azure refused or could not be asked.
    """
    delete_schedule(cloud, schedule_id(cloud, name))


def delete_schedule(cloud: Cloud, schedule: str) -> None:
    """Take a daily timer back by its ARM id; a missing one is no error.

    Raises:
        VmPoolError: Azure refused or could not be asked.
    """
    try:
        send(cloud, "DELETE", schedule, {"api-version": DEV_TEST_LAB_API})
    except NotFoundError:
        return


def list_schedules(cloud: Cloud, group: str) -> list[Json]:
    """The daily timers of a resource group; none where the provider was never used.

    Args:
        cloud: connection.
        group: ARM id of the group.

    Raises:
        VmPoolError: Azure refused or could not be asked.
    """
    try:
        return list_all(cloud, f"{group}/providers/{SCHEDULE}", DEV_TEST_LAB_API)
    except VmPoolError as error:
        if azure_code(error) == UNREGISTERED:
            return []
        raise
