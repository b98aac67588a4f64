"""Microsoft.ComputeSchedule through the wire: timers on the server that deallocate VMs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from forked_azure import kill
from raw_azure import Group, RawAzure

from local_azure import control
from local_azure.control import Status, Wanted

API = "2025-05-01"
PLACE = "/providers/Microsoft.ComputeSchedule/locations/eastus"
RUNNING, GONE = "PowerState/running", "PowerState/deallocated"
SIZE_USD_PER_HOUR = 0.113
DEALLOCATE_SECONDS = 42


@pytest.fixture
def timed(group: Group) -> Iterator[Group]:
    """A group in a subscription that has the provider registered."""
    group.azure.do("POST", "/providers/Microsoft.ComputeSchedule/register")
    yield group
    group.azure.do("POST", "/providers/Microsoft.ComputeSchedule/unregister")


def now(azure: RawAzure) -> datetime:
    """The cloud's time."""
    shown = control.ask(azure.status, "GET", "/_local/clock")["now"]
    return datetime.fromtimestamp(shown, UTC)


def submission(group: Group, deadline: str, *names: str) -> dict[str, Any]:
    """A body of SubmitDeallocate."""
    ids = [group.azure.subscription + group.vm(name) for name in names]
    return {
        "schedule": {"deadline": deadline, "timezone": "UTC", "deadlineType": "InitiateAt"},
        "executionParameters": {"retryPolicy": {"retryCount": 2, "retryWindowInMinutes": 30}},
        "resources": {"ids": ids},
        "correlationid": str(uuid.uuid4()),
    }


def post(azure: RawAzure, action: str, body: dict[str, Any]) -> Any:
    """A request that must be taken."""
    answer = azure.call("POST", f"{PLACE}/virtualMachines{action}", body, api=API)
    assert answer.status_code == 200, answer.text
    return answer.json()


def submit(group: Group, after: float, *names: str) -> list[str]:
    """Set timers; returns their operation ids."""
    deadline = (now(group.azure) + timedelta(seconds=after)).isoformat()
    body = post(group.azure, "SubmitDeallocate", submission(group, deadline, *names))
    return [result["operation"]["operationId"] for result in body["results"]]


def status(azure: RawAzure, *ids: str, action: str = "GetOperationStatus") -> list[Any]:
    """The results of a request about operations."""
    body = {"operationIds": list(ids), "correlationid": str(uuid.uuid4())}
    return list(post(azure, action, body)["results"])


def power(group: Group, name: str) -> str:
    """A VM's power state."""
    return group.states(name)[-1]


def test_a_timer_deallocates_its_vms_at_the_deadline(timed: Group) -> None:
    azure = timed.azure
    timed.running_vm("one")
    timed.running_vm("two")
    deadline = (now(azure) + timedelta(hours=2)).isoformat()
    told = post(azure, "SubmitDeallocate", submission(timed, deadline, "one", "two"))
    assert (told["description"], told["type"], told["location"]) == (
        "Deallocate Resource request",
        "VirtualMachines",
        "eastus",
    )
    first = told["results"][0]["operation"]
    assert (first["opType"], first["state"]) == ("Deallocate", "PendingScheduling")
    assert first["resourceId"] == azure.subscription + timed.vm("one")
    assert first["retryPolicy"] == {"retryCount": 2, "retryWindowInMinutes": 30}
    ids = [result["operation"]["operationId"] for result in told["results"]]
    azure.advance(7100)
    assert [r["operation"]["state"] for r in status(azure, *ids)] == ["Scheduled", "Scheduled"]
    assert (power(timed, "one"), power(timed, "two")) == (RUNNING, RUNNING)
    azure.advance(110)
    assert [r["operation"]["state"] for r in status(azure, *ids)] == ["Executing", "Executing"]
    assert power(timed, "one") == "PowerState/deallocating"
    azure.advance(60)
    results = status(azure, *ids)
    assert [r["operation"]["state"] for r in results] == ["Succeeded", "Succeeded"]
    ended = datetime.fromisoformat(results[0]["operation"]["completedAt"])
    late = ended - datetime.fromisoformat(deadline)
    assert late.total_seconds() == pytest.approx(DEALLOCATE_SECONDS, abs=0.01)
    assert (power(timed, "one"), power(timed, "two")) == (GONE, GONE)


def test_a_clock_advanced_by_days_bills_each_vm_to_its_own_deadline(timed: Group) -> None:
    azure = timed.azure
    hours = {"a": 1.0, "b": 36.0, "c": 300.5}
    for name in hours:
        timed.running_vm(name)
    before = {item["id"]: item["usd"] for item in azure.meter()["resources"]}
    start = now(azure)
    for name, wait in hours.items():
        deadline = (start + timedelta(hours=wait)).isoformat()
        post(azure, "SubmitDeallocate", submission(timed, deadline, name))
    azure.advance(14 * 86400)
    after = {item["id"]: item for item in azure.meter()["resources"]}
    for name, wait in hours.items():
        vm = after[azure.subscription + timed.vm(name)]
        expected = SIZE_USD_PER_HOUR * wait
        assert vm["usd"] - before[vm["id"]] == pytest.approx(expected, abs=SIZE_USD_PER_HOUR / 900)
        assert vm["usd_per_hour"] == 0


def test_a_cancelled_timer_does_nothing(timed: Group) -> None:
    azure = timed.azure
    timed.running_vm("box")
    (name,) = submit(timed, 600, "box")
    (cancelled,) = status(azure, name, action="CancelOperations")
    assert "errorCode" not in cancelled
    assert cancelled["operation"]["state"] == "Cancelled"
    error = cancelled["operation"]["resourceOperationError"]
    assert error["errorCode"] == "OperationCancelledByUser"
    azure.advance(3600)
    assert power(timed, "box") == RUNNING
    assert status(azure, name)[0]["operation"]["state"] == "Cancelled"


def test_what_has_happened_cannot_be_cancelled(timed: Group) -> None:
    timed.running_vm("box")
    (name,) = submit(timed, 600, "box")
    timed.azure.advance(700)
    (result,) = status(timed.azure, name, action="CancelOperations")
    assert result["errorCode"] == "OperationCannotBeCancelled"
    assert result["operation"]["state"] == "Succeeded"


def test_a_vm_deleted_meanwhile_gives_a_failed_operation(timed: Group) -> None:
    azure, path = timed.azure, timed.running_vm("box")
    (name,) = submit(timed, 600, "box")
    azure.call("DELETE", path)
    azure.advance(700)
    (result,) = status(azure, name)
    assert result["operation"]["state"] == "Failed"
    assert result["operation"]["resourceOperationError"]["errorCode"] == "ResourceNotFound"


def test_a_timer_wins_over_a_start_that_still_runs(timed: Group) -> None:
    azure, path = timed.azure, timed.running_vm("box")
    azure.call("POST", f"{path}/deallocate")
    azure.advance(60)
    (name,) = submit(timed, 620, "box")
    azure.advance(600)
    started = azure.call("POST", f"{path}/start")
    azure.advance(120)
    assert azure.wait(started)["status"] == "Canceled"
    assert power(timed, "box") == GONE
    assert status(azure, name)[0]["operation"]["state"] == "Succeeded"


def test_a_failed_deallocation_is_told_with_its_reason(timed: Group) -> None:
    azure = timed.azure
    timed.running_vm("box")
    azure.fault(kind="operation", operation="vm.deallocate", mode="failed", code="InternalError")
    (name,) = submit(timed, 600, "box")
    azure.advance(700)
    (result,) = status(azure, name)
    assert result["operation"]["state"] == "Failed"
    (errors,) = status(azure, name, action="GetOperationErrors")
    assert errors["operationId"] == name
    assert [error["errorCode"] for error in errors["operationErrors"]] == ["InternalError"]


def test_execute_deallocates_at_once(timed: Group) -> None:
    azure = timed.azure
    timed.running_vm("box")
    body = submission(timed, "", "box")
    del body["schedule"]
    (result,) = post(azure, "ExecuteDeallocate", body)["results"]
    assert power(timed, "box") == "PowerState/deallocating"
    azure.advance(60)
    (ended,) = status(azure, result["operation"]["operationId"])
    assert (ended["operation"]["state"], power(timed, "box")) == ("Succeeded", GONE)


def test_what_is_wrong_with_one_vm_stands_in_its_result(timed: Group) -> None:
    azure = timed.azure
    timed.running_vm("box")
    azure.fault(kind="schedule", resource="box", times=1)
    deadline = (now(azure) + timedelta(hours=1)).isoformat()
    blocked, missing = post(azure, "SubmitDeallocate", submission(timed, deadline, "box", "no"))[
        "results"
    ]
    assert blocked["errorCode"] == "SchedulingOperationsBlockedException"
    assert missing["errorCode"] == "ResourceNotFound"
    assert missing["resourceId"].endswith("/no")
    assert "operation" not in missing
    (unknown,) = status(azure, str(uuid.uuid4()))
    assert unknown["errorCode"] == "OperationNotFound"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schedule": {"deadlineType": "Never"}}, "deadlineType"),
        ({"schedule": {"deadline": "soon"}}, "deadline 'soon'"),
        ({"schedule": {"deadline": "2001-01-01T00:00:00Z"}}, "5 minutes in the past"),
        ({"schedule": {"deadline": "2101-01-01T00:00:00Z"}}, "14 days in the future"),
        ({"schedule": {"timezone": "Pacific Standard Time"}}, "timezone"),
        ({"correlationid": "abc"}, "correlationid"),
        ({"resources": {"ids": []}}, "resources.ids"),
        ({"executionParameters": {"retryPolicy": {"retryCount": "two"}}}, "retryCount"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_as_a_whole(
    timed: Group, change: dict[str, Any], told: str
) -> None:
    body = submission(timed, (now(timed.azure) + timedelta(hours=1)).isoformat(), "box")
    for name, value in change.items():
        body[name] = body[name] | value if name == "schedule" else value
    answer = timed.azure.call("POST", f"{PLACE}/virtualMachinesSubmitDeallocate", body, api=API)
    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]


def test_the_older_spelling_of_the_deadline_is_taken_too(timed: Group) -> None:
    timed.running_vm("box")
    body = submission(timed, "", "box")
    deadline = (now(timed.azure) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body["schedule"] = {"deadLine": deadline, "timeZone": "UTC", "deadlineType": "InitiateAt"}
    (result,) = post(timed.azure, "SubmitDeallocate", body)["results"]
    assert result["operation"]["deadline"].startswith(deadline[:-1])


def test_an_unregistered_provider_refuses_everything(fresh_azure: Callable[..., Status]) -> None:
    azure = RawAzure(fresh_azure(speed=1.0, guests="none"))
    answer = azure.call("POST", f"{PLACE}/virtualMachinesSubmitDeallocate", {}, api=API)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "MissingSubscriptionRegistration"
    azure.do("POST", "/providers/Microsoft.ComputeSchedule/register")
    answer = azure.call("POST", f"{PLACE}/virtualMachinesSubmitDeallocate", {}, api=API)
    assert answer.status_code == 400


def test_a_timer_outlives_its_server_and_stays_exact(
    fresh_azure: Callable[..., Status],
) -> None:
    told = fresh_azure(speed=1.0, guests="none")
    azure = RawAzure(told)
    azure.do("POST", "/providers/Microsoft.ComputeSchedule/register")
    group = Group(azure, "demo")
    group.running_vm("box")
    before = azure.meter()["total_usd"]
    start = now(azure)
    (name,) = submit(group, 7200, "box")
    kill(told)
    again = control.launch(Path(told.state_dir), Wanted(speed=1.0, guests="none"))
    azure = RawAzure(again)
    azure.advance(86400)
    (result,) = status(azure, name)
    ended = datetime.fromisoformat(result["operation"]["completedAt"])
    late = (ended - start).total_seconds() - 7200
    assert late == pytest.approx(DEALLOCATE_SECONDS, abs=2)
    vm = next(i for i in azure.meter()["resources"] if i["type"].endswith("virtualMachines"))
    others = [i for i in azure.meter()["resources"] if i is not vm]
    assert others
    assert vm["usd"] <= before + SIZE_USD_PER_HOUR * (7200 + 60) / 3600
