"""When time passes at once, everything due on the way happens in its order, at its own moment."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from raw_azure import Group, RawAzure

from local_azure import control
from local_azure.control import Status

USD_PER_HOUR = 0.113
SECONDS = USD_PER_HOUR / 3600
DAYS = 14
DELETE_SECONDS = 34


def now(azure: RawAzure) -> float:
    """The cloud's time."""
    return float(control.ask(azure.status, "GET", "/_local/clock")["now"])


def iso(moment: float) -> str:
    """A moment as clients write it."""
    return datetime.fromtimestamp(moment, UTC).isoformat()


def timer(azure: RawAzure, group: Group, name: str, deadline: float) -> str:
    """Set a one-shot timer; returns its operation id."""
    body = {
        "schedule": {"deadline": iso(deadline), "timezone": "UTC", "deadlineType": "InitiateAt"},
        "executionParameters": {},
        "resources": {"ids": [azure.subscription + group.vm(name)]},
        "correlationid": str(uuid.uuid4()),
    }
    place = "/providers/Microsoft.ComputeSchedule/locations/eastus"
    answer = azure.call("POST", f"{place}/virtualMachinesSubmitDeallocate", body)
    return str(answer.json()["results"][0]["operation"]["operationId"])


def daily(azure: RawAzure, group: Group, name: str, moment: float) -> None:
    """Set a daily schedule at the minute of a moment."""
    path = f"{group.path}/providers/Microsoft.DevTestLab/schedules/shutdown-computevm-{name}"
    properties = {
        "status": "Enabled",
        "taskType": "ComputeVmShutdownTask",
        "dailyRecurrence": {"time": datetime.fromtimestamp(moment, UTC).strftime("%H%M")},
        "timeZoneId": "UTC",
        "targetResourceId": azure.subscription + group.vm(name),
    }
    assert group.put(path, properties)["properties"]["status"] == "Enabled"


@pytest.mark.parametrize("jumps", [1, 300])
def test_timers_schedules_and_operations_bill_each_vm_by_exact_arithmetic(
    fresh_azure: Callable[..., Status], jumps: int
) -> None:
    azure = RawAzure(fresh_azure(speed=1.0, guests="none"))
    for provider in ("Microsoft.ComputeSchedule", "Microsoft.DevTestLab"):
        azure.do("POST", f"/providers/{provider}/register")
    group = Group(azure, "demo")
    for name in ("timed", "daily", "starting", "deleted", "restarted"):
        group.running_vm(name)
    azure.call("POST", group.vm("starting") + "/deallocate")
    azure.advance(60)

    before = costs(azure)
    start = now(azure)
    minute = (datetime.fromtimestamp(start, UTC) + timedelta(hours=7)).replace(
        second=0, microsecond=0
    )
    timer(azure, group, "timed", start + 5 * 3600)
    daily(azure, group, "daily", minute.timestamp())
    azure.call("POST", group.vm("daily") + "/powerOff")  # stopped is billed until the schedule
    azure.call("POST", group.vm("starting") + "/start")
    timer(azure, group, "starting", start + 30)  # in the middle of the start, which gives way
    late = timer(azure, group, "deleted", start + 3600)
    azure.call("DELETE", group.vm("deleted"))
    azure.call("POST", group.vm("restarted") + "/restart")
    timer(azure, group, "restarted", start + 13 * 86400 + 0.5)
    for _ in range(jumps):
        azure.advance(DAYS * 86400 / jumps)

    spent = {name: usd - before[name] for name, usd in costs(azure).items()}
    expected = {
        "timed": 5 * 3600,
        "daily": minute.timestamp() - start,
        "starting": 30,
        "deleted": DELETE_SECONDS,
        "restarted": 13 * 86400 + 0.5,
    }
    for name, seconds in expected.items():
        # What this test itself takes between its requests is the tolerance.
        assert spent[name] == pytest.approx(SECONDS * seconds, abs=SECONDS * 3), name
    assert all(item["usd_per_hour"] == 0 for item in vms(azure).values())
    body = {"operationIds": [late], "correlationid": str(uuid.uuid4())}
    place = "/providers/Microsoft.ComputeSchedule/locations/eastus"
    told = azure.call("POST", f"{place}/virtualMachinesGetOperationStatus", body).json()
    assert told["results"][0]["operation"]["state"] == "Failed"


def vms(azure: RawAzure) -> dict[str, dict[str, Any]]:
    """The meter's rows of VMs by name."""
    return {
        item["id"].rpartition("/")[2]: item
        for item in azure.meter()["resources"]
        if item["type"].endswith("virtualMachines")
    }


def costs(azure: RawAzure) -> dict[str, float]:
    """USD of each VM so far."""
    return {name: float(item["usd"]) for name, item in vms(azure).items()}
