"""Microsoft.Insights through the wire: what was done to VMs, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from raw_azure import Group, RawAzure

from local_azure import control

API = "2015-04-01"
LOG = "/providers/Microsoft.Insights/eventtypes/management/values"
LATEST_SECONDS = 1200


def now(azure: RawAzure) -> datetime:
    """The cloud's time."""
    shown = control.ask(azure.status, "GET", "/_local/clock")["now"]
    return datetime.fromtimestamp(shown, UTC)


def since(azure: RawAzure, **length: float) -> str:
    """The clause that every filter begins with."""
    return f"eventTimestamp ge '{(now(azure) - timedelta(**length)).isoformat()}'"


def ask(azure: RawAzure, wanted: str, **query: str) -> Any:
    """The answer to a request for events."""
    params = {"$filter": wanted, "api-version": API, **query}
    url = f"{azure.subscription}{LOG}"
    return azure.http.get(url, params=params, headers=azure.headers)


def events(azure: RawAzure, wanted: str) -> list[dict[str, Any]]:
    """Every event that fits, oldest first, from all pages."""
    answer = ask(azure, wanted).json()
    found = list(answer["value"])
    while "nextLink" in answer:
        answer = azure.get(answer["nextLink"])
        found += answer["value"]
    return found[::-1]


def told(group: Group, **length: float) -> list[tuple[str, str, str]]:
    """VM, operation and status of each event of a group."""
    wanted = f"{since(group.azure, **length)} and resourceGroupName eq '{group.name.upper()}'"
    return [
        (
            event["resourceId"].rpartition("/")[2],
            event["operationName"]["value"].partition("/virtualMachines/")[2],
            event["status"]["value"],
        )
        for event in events(group.azure, wanted)
    ]


def deallocated(group: Group, name: str = "one") -> None:
    """A VM that ran for a while."""
    group.running_vm(name)
    group.azure.call("POST", f"{group.vm(name)}/deallocate")
    group.azure.advance(60)


def test_every_operation_on_a_vm_is_logged_with_its_begin_and_its_end(group: Group) -> None:
    deallocated(group)
    group.azure.advance(LATEST_SECONDS)
    assert told(group, hours=1) == [
        ("one", "write", "Started"),
        ("one", "write", "Succeeded"),
        ("one", "deallocate/action", "Started"),
        ("one", "deallocate/action", "Succeeded"),
    ]


def test_begin_and_end_of_an_operation_share_its_correlation_and_tell_its_length(
    group: Group,
) -> None:
    deallocated(group)
    group.azure.advance(LATEST_SECONDS)
    vm_id = group.azure.subscription + group.vm("one")
    *_, begin, end = events(
        group.azure, f"{since(group.azure, hours=1)} and resourceUri eq '{vm_id}'"
    )
    assert begin["correlationId"] == end["correlationId"]
    moments = [datetime.fromisoformat(event["eventTimestamp"]) for event in (begin, end)]
    assert moments[1] - moments[0] == timedelta(seconds=42)
    one = f"{since(group.azure, hours=1)} and correlationId eq '{end['correlationId']}'"
    assert events(group.azure, one) == [begin, end]


def test_what_azures_own_timer_did_is_logged_like_what_anybody_did(group: Group) -> None:
    group.azure.do("POST", "/providers/Microsoft.DevTestLab/register")
    group.running_vm("one")
    at = (now(group.azure) + timedelta(hours=2)).replace(second=0, microsecond=0)
    path = f"{group.path}/providers/Microsoft.DevTestLab/schedules/shutdown-computevm-one"
    timer = {
        "status": "Enabled",
        "taskType": "ComputeVmShutdownTask",
        "dailyRecurrence": {"time": f"{at:%H%M}"},
        "timeZoneId": "UTC",
        "targetResourceId": group.azure.subscription + group.vm("one"),
    }
    body = {"location": "eastus", "properties": timer}
    group.azure.do("PUT", path, body, api="2018-09-15")
    group.azure.advance(4 * 3600)
    wanted = f"{since(group.azure, hours=3)} and resourceGroupName eq '{group.name}'"
    begin, _ = events(group.azure, wanted)
    assert begin["operationName"]["value"].endswith("/deallocate/action")
    assert datetime.fromisoformat(begin["eventTimestamp"]) == at
    group.azure.do("POST", "/providers/Microsoft.DevTestLab/unregister")


def test_what_failed_is_logged_with_its_code(group: Group) -> None:
    deallocated(group)
    group.azure.fault(kind="allocation")
    group.azure.call("POST", f"{group.vm('one')}/start")
    group.azure.advance(60 + LATEST_SECONDS)
    group.azure.clear_faults()
    wanted = f"{since(group.azure, hours=1)} and resourceGroupName eq '{group.name}'"
    last = events(group.azure, wanted)[-1]
    assert (last["status"]["value"], last["subStatus"]["value"]) == ("Failed", "AllocationFailed")


def test_an_event_can_be_read_some_minutes_after_it_happened(group: Group) -> None:
    for number in range(8):
        group.running_vm(f"vm{number}")
    ended = now(group.azure)
    for number in range(8):
        group.azure.call("POST", f"{group.vm(f'vm{number}')}/deallocate")
    group.azure.advance(60)
    assert len(told(group, seconds=90)) < 16
    group.azure.advance(LATEST_SECONDS)
    assert len(told(group, seconds=90 + LATEST_SECONDS)) == 16
    assert now(group.azure) - ended < timedelta(hours=1)


def test_events_come_in_pages_and_with_the_fields_that_were_asked_for(group: Group) -> None:
    for number in range(14):
        deallocated(group, f"vm{number}")
    group.azure.advance(LATEST_SECONDS)
    wanted = f"{since(group.azure, hours=12)} and resourceGroupName eq '{group.name}'"
    answer = ask(group.azure, wanted, **{"$select": "eventTimestamp,status"}).json()
    assert len(answer["value"]) < 56
    assert set(answer["value"][0]) == {"eventTimestamp", "status"}
    assert len(events(group.azure, wanted)) == 56


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "resourceGroupName eq 'x'",
        "eventTimestamp ge 'yesterday'",
        "eventTimestamp ge '2026-11-25T00:00:00Z' and colour eq 'red'",
        "eventTimestamp ge '2026-11-25T00:00:00Z' or resourceGroupName eq 'x'",
        "eventTimestamp ge '2001-01-01T00:00:00Z'",
    ],
)
def test_any_other_filter_is_refused(group: Group, wanted: str) -> None:
    answer = ask(group.azure, wanted)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BadRequest"
