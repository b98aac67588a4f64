"""What the meter charges, and what quota and restrictions leave."""

from __future__ import annotations

import pytest
from raw_azure import Group

SIZE_USD_PER_HOUR = 0.113
HOUR = 3600.0


def costs(group: Group, kind: str) -> tuple[float, float]:
    """USD so far and USD per hour of everything of a kind in the group, deleted or not."""
    mine = [
        item
        for item in group.azure.meter()["resources"]
        if f"/resourceGroups/{group.name}/" in item["id"] and item["type"].endswith(kind)
    ]
    return sum(i["usd"] for i in mine), sum(i["usd_per_hour"] for i in mine)


@pytest.mark.parametrize(("action", "is_billed"), [("powerOff", True), ("deallocate", False)])
def test_stopped_bills_and_deallocated_does_not(
    group: Group, action: str, *, is_billed: bool
) -> None:
    azure, path = group.azure, group.running_vm("box")
    assert costs(group, "virtualMachines")[1] == pytest.approx(SIZE_USD_PER_HOUR)
    azure.call("POST", f"{path}/{action}")
    azure.advance(120)
    before, rate = costs(group, "virtualMachines")
    azure.advance(10 * HOUR)
    after, _ = costs(group, "virtualMachines")
    expected = SIZE_USD_PER_HOUR if is_billed else 0.0
    assert rate == pytest.approx(expected)
    assert after - before == pytest.approx(10 * expected, abs=1e-3)
    if not is_billed:
        azure.call("POST", f"{path}/start")
        azure.advance(60)
        assert costs(group, "virtualMachines")[1] == pytest.approx(SIZE_USD_PER_HOUR)


def test_disks_and_addresses_bill_whatever_the_vm_does_until_they_are_deleted(group: Group) -> None:
    azure, path = group.azure, group.running_vm("box")
    azure.call("POST", f"{path}/deallocate")
    azure.advance(60)
    for kind, rate in (("disks", 5.28 / 730), ("publicIPAddresses", 0.005)):
        before, shown = costs(group, kind)
        azure.advance(100 * HOUR)
        after, _ = costs(group, kind)
        assert shown == pytest.approx(rate)
        assert after - before == pytest.approx(100 * rate, rel=1e-3)
    azure.call("DELETE", path)
    azure.advance(120)
    totals = [costs(group, kind) for kind in ("virtualMachines", "disks", "publicIPAddresses")]
    assert all(rate == 0 for _, rate in totals)
    assert all(usd > 0 for usd, _ in totals)


def test_a_vm_bills_from_its_power_on_and_not_from_its_request(group: Group) -> None:
    group.begin_vm("box")
    assert costs(group, "virtualMachines")[1] == 0
    group.azure.advance(15)
    assert costs(group, "virtualMachines")[1] == 0
    group.azure.advance(HOUR)
    usd, _ = costs(group, "virtualMachines")
    assert usd == pytest.approx(SIZE_USD_PER_HOUR * (HOUR - 5) / HOUR, rel=0.01)


def test_quota_counts_what_runs_and_is_coming_and_not_what_is_deallocated(group: Group) -> None:
    azure, path = group.azure, group.running_vm("box")
    azure.fault(kind="quota", region="eastus", family="standardDDSv5Family", limit=3)
    refused = group.begin_vm("second")
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (409, "OperationNotAllowed")
    assert "exceeding approved standardDDSv5Family Cores quota" in error["message"]
    assert "Current Limit: 3, Current Usage: 2, Additional Required: 2" in error["message"]
    azure.call("POST", f"{path}/deallocate")
    azure.advance(60)
    assert group.begin_vm("third").status_code == 201
    started = azure.call("POST", f"{path}/start")
    assert started.json()["error"]["code"] == "OperationNotAllowed"


def test_a_restricted_size_is_listed_as_restricted(group: Group) -> None:
    path = "/providers/Microsoft.Compute/skus?$filter=location eq 'eastus'"
    sizes = {
        sku["name"]: sku
        for sku in group.azure.get(path)["value"]
        if sku["resourceType"] == "virtualMachines"
    }
    assert {location for sku in sizes.values() for location in sku["locations"]} == {"eastus"}
    assert sizes["Standard_D8ds_v5"]["restrictions"] == []
    (restriction,) = sizes["Standard_E8ds_v5"]["restrictions"]
    assert restriction["reasonCode"] == "NotAvailableForSubscription"
    assert restriction["restrictionInfo"]["locations"] == ["eastus"]
