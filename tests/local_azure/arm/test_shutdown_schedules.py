"""Microsoft.DevTestLab/schedules through the wire: the daily auto-shutdown of a VM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from raw_azure import Group, RawAzure

from local_azure import control
from local_azure.control import Status

API = "2018-09-15"
DAY = 86400.0


@pytest.fixture
def daily(group: Group) -> Iterator[Group]:
    """A group in a subscription that has the provider registered."""
    group.azure.do("POST", "/providers/Microsoft.DevTestLab/register")
    yield group
    group.azure.do("POST", "/providers/Microsoft.DevTestLab/unregister")


def path(group: Group, vm: str) -> str:
    """The schedule of a VM."""
    return f"{group.path}/providers/Microsoft.DevTestLab/schedules/shutdown-computevm-{vm}"


def now(azure: RawAzure) -> datetime:
    """The cloud's time."""
    return datetime.fromtimestamp(
        control.ask(azure.status, "GET", "/_local/clock")["now"], UTC
    )  # fmt: skip


def in_hours(azure: RawAzure, hours: float) -> str:
    """A time of day so far ahead, as HHmm of UTC."""
    return (now(azure) + timedelta(hours=hours)).strftime("%H%M")


def body(group: Group, vm: str, at: str, **properties: Any) -> dict[str, Any]:
    """A schedule as `az vm auto-shutdown` sends it."""
    return {
        "location": group.location,
        "properties": {
            "status": "Enabled",
            "taskType": "ComputeVmShutdownTask",
            "dailyRecurrence": {"time": at},
            "timeZoneId": "UTC",
            "targetResourceId": group.azure.subscription + group.vm(vm),
            **properties,
        },
    }


def put(group: Group, vm: str, at: str, **properties: Any) -> Any:
    """Set a schedule."""
    answer = group.azure.call(
        "PUT", path(group, vm), body(group, vm, at, **properties), api=API
    )  # fmt: skip
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def power(group: Group, vm: str) -> str:
    """A VM's power state."""
    return group.states(vm)[-1].removeprefix("PowerState/")


def test_a_schedule_looks_as_recorded(daily: Group) -> None:
    daily.running_vm("box")
    sent = body(daily, "box", "1730", notificationSettings={"status": "Disabled"})
    made = daily.azure.call("PUT", path(daily, "box"), sent, api=API)
    assert made.status_code == 201
    document = made.json()
    lower = path(daily, "box").replace("resourceGroups", "resourcegroups")
    lower = lower.replace("Microsoft.DevTestLab", "microsoft.devtestlab")
    assert document["id"] == daily.azure.subscription + lower
    assert document["type"] == "microsoft.devtestlab/schedules"
    assert sent["properties"].items() <= document["properties"].items()
    assert document["properties"]["provisioningState"] == "Succeeded"
    assert {"createdDate", "uniqueIdentifier"} <= set(document["properties"])
    assert daily.azure.call("PUT", path(daily, "box"), sent, api=API).status_code == 200
    assert daily.azure.get(path(daily, "box"), api=API) == document


def test_it_deallocates_its_vm_every_day_at_its_time(daily: Group) -> None:
    azure, vm = daily.azure, daily.running_vm("box")
    put(daily, "box", in_hours(azure, 3))
    azure.advance(2.9 * 3600)
    assert power(daily, "box") == "running"
    azure.advance(0.2 * 3600)
    assert power(daily, "box") == "deallocated"
    azure.call("POST", f"{vm}/start")
    azure.advance(0.9 * DAY)
    assert power(daily, "box") == "running"
    azure.advance(0.1 * DAY)
    assert power(daily, "box") == "deallocated"


def test_it_fires_at_the_exact_minute_also_when_days_pass_at_once(daily: Group) -> None:
    azure = daily.azure
    daily.running_vm("box")
    at = (now(azure) + timedelta(hours=5)).replace(second=0, microsecond=0)
    put(daily, "box", at.strftime("%H%M"))
    begun = now(azure)
    before = azure.meter()["resources"]
    azure.advance(10 * DAY)
    vm_id = azure.subscription + daily.vm("box")
    spent = [
        next(i["usd"] for i in found if i["id"] == vm_id)
        for found in (before, azure.meter()["resources"])
    ]
    hours = (at - begun).total_seconds() / 3600
    assert spent[1] - spent[0] == pytest.approx(0.113 * hours, abs=0.113 / 900)


@pytest.mark.parametrize("how", ["disabled", "deleted", "moved"])
def test_a_schedule_that_is_off_deleted_or_moved_leaves_the_vm_alone(
    daily: Group, how: str
) -> None:
    azure = daily.azure
    daily.running_vm("box")
    at = in_hours(azure, 2)
    put(daily, "box", at)
    if how == "disabled":
        put(daily, "box", at, status="Disabled")
    elif how == "deleted":
        assert azure.call("DELETE", path(daily, "box"), api=API).status_code == 200
        assert azure.call("DELETE", path(daily, "box"), api=API).status_code == 204
    else:
        put(daily, "box", in_hours(azure, 6))
    azure.advance(4 * 3600)
    assert power(daily, "box") == "running"


def test_a_windows_time_zone_is_understood_with_its_summer_time(daily: Group) -> None:
    azure = daily.azure
    daily.running_vm("box")
    put(daily, "box", "1200", timeZoneId="Tokyo Standard Time")
    start = now(azure)
    noon = start.replace(hour=3, minute=0, second=0, microsecond=0)  # 12:00 in Tokyo
    wait = ((noon - start).total_seconds()) % DAY
    azure.advance(max(0.0, wait - 120))
    assert power(daily, "box") == "running"
    azure.advance(300)
    assert power(daily, "box") == "deallocated"


def test_an_orphan_stays_and_its_next_day_comes_whatever_happened_to_its_vm(daily: Group) -> None:
    azure, vm = daily.azure, daily.running_vm("box")
    at = in_hours(azure, 2)
    put(daily, "box", at)
    azure.call("DELETE", vm)
    azure.advance(3 * DAY)
    assert azure.get(path(daily, "box"), api=API)["properties"]["status"] == "Enabled"
    daily.running_vm("box")
    azure.advance(DAY)
    assert power(daily, "box") == "deallocated"


def test_a_day_that_fails_takes_no_other_day_along(daily: Group) -> None:
    azure = daily.azure
    daily.running_vm("box")
    put(daily, "box", in_hours(azure, 2))
    azure.fault(kind="operation", operation="vm.deallocate", mode="failed", times=1)
    azure.advance(3 * 3600)
    assert power(daily, "box") != "deallocated"
    azure.advance(DAY)
    assert power(daily, "box") == "deallocated"


def test_tags_lists_and_the_group_know_it(daily: Group) -> None:
    azure = daily.azure
    daily.running_vm("box")
    put(daily, "box", "2330")
    patched = azure.call("PATCH", path(daily, "box"), {"tags": {"waa-pool": "p"}}, api=API)
    assert patched.json()["tags"] == {"waa-pool": "p"}
    scope = azure.subscription + path(daily, "box")
    merge = {"operation": "Merge", "properties": {"tags": {"more": "yes"}}}
    tags = "/providers/Microsoft.Resources/tags/default"
    assert azure.call("PATCH", scope + tags, merge).is_success
    assert azure.get(path(daily, "box"), api=API)["tags"] == {"waa-pool": "p", "more": "yes"}
    listed = azure.get(f"{daily.path}/providers/Microsoft.DevTestLab/schedules", api=API)
    assert [s["name"] for s in listed["value"]] == ["shutdown-computevm-box"]
    everywhere = azure.get("/providers/Microsoft.DevTestLab/schedules", api=API)["value"]
    assert listed["value"][0] in everywhere
    kinds = [r["type"] for r in azure.get(f"{daily.path}/resources")["value"]]
    assert "microsoft.devtestlab/schedules" in kinds
    azure.call("DELETE", daily.path)
    azure.advance(300)
    left = azure.get("/providers/Microsoft.DevTestLab/schedules", api=API)["value"]
    assert not [s for s in left if daily.name in s["id"]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"timeZoneId": "Mars Standard Time"}, "InvalidTimeZone"),
        ({"dailyRecurrence": {"time": "2460"}}, "InvalidDailyRecurrence"),
        ({"dailyRecurrence": None}, "InvalidDailyRecurrence"),
        ({"taskType": "LabVmsShutdownTask"}, "InvalidTaskType"),
        ({"status": "On"}, "InvalidStatus"),
        ({"targetResourceId": "/nowhere"}, "ResourceNotFound"),
    ],
)
def test_what_makes_no_schedule_is_refused(daily: Group, change: dict[str, Any], code: str) -> None:
    daily.running_vm("box")
    refused = daily.azure.call(
        "PUT", path(daily, "box"), body(daily, "box", "1200", **change), api=API
    )
    assert refused.json()["error"]["code"] == code
    assert daily.azure.call("GET", path(daily, "box"), api=API).status_code == 404


def test_a_schedule_is_named_after_its_vm(daily: Group) -> None:
    daily.running_vm("box")
    refused = daily.azure.call(
        "PUT", path(daily, "other"), body(daily, "box", "1200"), api=API
    )  # fmt: skip
    assert refused.json()["error"]["code"] == "InvalidScheduleId"


def test_registration_shows_in_the_provider(fresh_azure: Callable[..., Status]) -> None:
    azure = RawAzure(fresh_azure(speed=1.0, guests="none"))
    provider = "/providers/Microsoft.DevTestLab"
    assert azure.get(provider)["registrationState"] == "NotRegistered"
    refused = azure.call("GET", f"{provider}/schedules", api=API)
    assert refused.json()["error"]["code"] == "MissingSubscriptionRegistration"
    azure.do("POST", f"{provider}/register")
    assert azure.get(provider)["registrationState"] == "Registered"
    assert azure.get(f"{provider}/schedules", api=API)["value"] == []
