"""What VMs do over time: states, operations that meet, deletes, refusals, failures."""

from __future__ import annotations

from typing import Any

import pytest
from raw_azure import Group

RUNNING = ["ProvisioningState/succeeded", "PowerState/running"]


def code(answer: Any) -> tuple[int, str]:
    """Status and error code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


def test_a_create_passes_through_azures_states_on_the_way_to_running(group: Group) -> None:
    azure = group.azure
    answer = group.begin_vm("box")
    assert answer.json()["properties"]["provisioningState"] == "Creating"
    seen = []
    for _ in range(5):
        seen.append(group.states("box")[1:])
        azure.advance(11)
    assert seen == [
        [],
        ["PowerState/creating"],
        ["PowerState/starting"],
        ["PowerState/running"],
        ["PowerState/running"],
    ]
    view = azure.get(group.vm("box") + "/instanceView")
    assert view["vmAgent"]["statuses"][0]["displayStatus"] == "Not Ready"
    azure.advance(60)
    assert azure.call("GET", answer.headers["azure-asyncoperation"]).json()["status"] == (
        "InProgress"
    )
    view = azure.get(group.vm("box") + "/instanceView")
    assert view["vmAgent"]["statuses"][0]["displayStatus"] == "Ready"
    azure.advance(300)
    assert group.states("box") == RUNNING


def test_one_list_of_states_shows_every_vm(group: Group) -> None:
    for name in ("one", "two"):
        group.running_vm(name)
    group.azure.call("POST", group.vm("two") + "/deallocate")
    group.azure.advance(60)
    everything = "/providers/Microsoft.Compute/virtualMachines"
    listed = group.azure.get(f"{everything}?statusOnly=true")["value"]
    mine = {v["name"]: v["properties"] for v in listed if group.name in v["id"]}
    states = {
        name: [s["code"] for s in properties["instanceView"]["statuses"]]
        for name, properties in mine.items()
    }
    assert states["one"] == RUNNING
    assert states["two"] == ["ProvisioningState/succeeded", "PowerState/deallocated"]
    assert "instanceView" not in group.azure.get(everything)["value"][0]["properties"]


def test_the_same_action_joins_and_a_weaker_one_is_refused(group: Group) -> None:
    azure, path = group.azure, group.running_vm("box")
    first = azure.call("POST", f"{path}/deallocate")
    again = azure.call("POST", f"{path}/deallocate")
    assert first.headers["azure-asyncoperation"] == again.headers["azure-asyncoperation"]
    for action in ("start", "restart", "generalize", "powerOff"):
        assert code(azure.call("POST", f"{path}/{action}")) == (409, "Conflict")
    assert code(azure.call("PATCH", path, {"tags": {}})) == (409, "Conflict")
    azure.advance(60)
    assert group.states("box")[-1] == "PowerState/deallocated"


def test_a_deallocate_preempts_the_create_that_still_runs(group: Group) -> None:
    azure = group.azure
    created = group.begin_vm("box")
    azure.advance(60)
    azure.call("POST", group.vm("box") + "/deallocate")
    ended = azure.call("GET", created.headers["azure-asyncoperation"]).json()
    assert (ended["status"], ended["error"]["code"]) == ("Canceled", "OperationPreempted")
    azure.advance(400)
    assert group.states("box")[-1] == "PowerState/deallocated"


def test_a_start_of_a_running_vm_changes_nothing(group: Group) -> None:
    path = group.running_vm("box")
    answer = group.azure.call("POST", f"{path}/start")
    assert answer.status_code == 202
    assert group.azure.wait(answer)["status"] == "Succeeded"
    assert group.states("box") == RUNNING


def test_a_generalized_vm_never_starts_again(group: Group) -> None:
    azure, path = group.azure, group.running_vm("box")
    assert code(azure.call("POST", f"{path}/generalize")) == (409, "OperationNotAllowed")
    azure.call("POST", f"{path}/powerOff")
    azure.advance(60)
    assert code(azure.call("POST", f"{path}/restart")) == (409, "OperationNotAllowed")
    assert azure.call("POST", f"{path}/generalize").status_code == 200
    assert code(azure.call("POST", f"{path}/start")) == (409, "OperationNotAllowed")
    assert group.states("box")[0] == "OSState/generalized"


@pytest.mark.parametrize("option", ["Delete", "Detach"])
def test_a_delete_takes_along_what_delete_options_name(group: Group, option: str) -> None:
    azure, path = group.azure, group.running_vm("box")
    disk = azure.get(path)["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"]
    nic = azure.get(path)["properties"]["networkProfile"]["networkInterfaces"][0]["id"]
    address = group.network("publicIPAddresses", "box-nic-ip")
    change = {
        "storageProfile": {"osDisk": {"deleteOption": option}},
        "networkProfile": {
            "networkInterfaces": [{"id": nic, "properties": {"deleteOption": option}}]
        },
    }
    azure.call("PATCH", path, {"properties": change})
    azure.advance(60)
    azure.call("DELETE", path)
    azure.advance(120)
    assert azure.call("GET", path).status_code == 404
    expected = 404 if option == "Delete" else 200
    assert [azure.call("GET", i).status_code for i in (disk, nic, address)] == [expected] * 3
    if option == "Detach":
        assert azure.get(disk)["properties"]["diskState"] == "Unattached"
        assert "virtualMachine" not in azure.get(nic)["properties"]
        assert azure.call("DELETE", nic).status_code == 202
    assert azure.call("DELETE", path).status_code == 204


def test_a_create_without_capacity_leaves_a_failed_vm_that_the_same_put_completes(
    group: Group,
) -> None:
    azure = group.azure
    azure.fault(kind="allocation", region="eastus", times=1)
    body = {"location": "eastus", "properties": group.vm_body(group.nic("box-nic"))}
    answer = azure.call("PUT", group.vm("box"), body)
    azure.advance(600)
    failed = azure.wait(answer)
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "AllocationFailed")
    assert group.states("box") == ["ProvisioningState/failed/AllocationFailed"]
    again = azure.call("PUT", group.vm("box"), body)
    assert again.status_code == 200
    azure.advance(600)
    assert azure.wait(again)["status"] == "Succeeded"
    assert group.states("box") == RUNNING
    disks = azure.get(f"{group.path}/providers/Microsoft.Compute/disks")["value"]
    assert len(disks) == 1


def test_a_start_without_capacity_leaves_the_vm_deallocated(group: Group) -> None:
    azure, path = group.azure, group.running_vm("box")
    azure.call("POST", f"{path}/deallocate")
    azure.advance(60)
    azure.fault(kind="allocation", times=1)
    answer = azure.call("POST", f"{path}/start")
    azure.advance(60)
    assert azure.wait(answer)["error"]["code"] == "AllocationFailed"
    assert group.states("box")[-1] == "PowerState/deallocated"
    azure.call("POST", f"{path}/start")
    azure.advance(60)
    assert group.states("box") == RUNNING


def test_stuck_and_failing_operations_are_told_where_clients_poll(group: Group) -> None:
    azure, path = group.azure, group.running_vm("box")
    azure.fault(kind="operation", operation="vm.deallocate", mode="stuck", times=1)
    stuck = azure.call("POST", f"{path}/deallocate")
    azure.advance(100_000)
    assert azure.call("GET", stuck.headers["azure-asyncoperation"]).json()["status"] == (
        "InProgress"
    )
    assert azure.call("GET", stuck.headers["location"]).status_code == 202
    azure.call("DELETE", path)
    azure.advance(120)
    path = group.running_vm("other")
    azure.fault(kind="operation", operation="vm.powerOff", mode="failed", code="OhNo", times=1)
    failing = azure.call("POST", f"{path}/powerOff")
    azure.advance(60)
    assert azure.wait(failing)["error"]["code"] == "OhNo"
    assert code(azure.call("GET", failing.headers["location"])) == (409, "OhNo")
    assert group.states("other") == ["ProvisioningState/failed/OhNo", "PowerState/stopped"]


@pytest.mark.parametrize(
    ("path", "value", "status", "error"),
    [
        ("hardwareProfile.vmSize", "Standard_None", 400, "InvalidParameter"),
        ("hardwareProfile.vmSize", "Standard_E8ds_v5", 409, "SkuNotAvailable"),
        ("storageProfile.imageReference.sku", "none", 404, "PlatformImageNotFound"),
        ("storageProfile.osDisk.diskSizeGB", 10, 400, "ResizeDiskError"),
        ("osProfile.adminUsername", "root", 400, "InvalidParameter"),
        ("osProfile.computerName", "x" * 65, 400, "InvalidParameter"),
        ("osProfile.customData", "not base64!", 400, "InvalidParameter"),
        ("networkProfile.networkInterfaces", [], 400, "InvalidParameter"),
        ("networkProfile.networkInterfaces", [{"id": "/none"}], 400, "InvalidResourceReference"),
    ],
)
def test_a_create_that_cannot_be_is_refused_and_leaves_nothing(
    group: Group, path: str, value: Any, status: int, error: str
) -> None:
    properties = group.vm_body(group.nic("nic"))
    *parents, last = path.split(".")
    inner = properties
    for name in parents:
        inner = inner[name]
    inner[last] = value
    body = {"location": group.location, "properties": properties}
    assert code(group.azure.call("PUT", group.vm("box"), body)) == (status, error)
    listed = group.azure.get(f"{group.path}/resources")["value"]
    assert not [item for item in listed if item["type"].startswith("Microsoft.Compute")]


def test_a_group_takes_everything_in_it_along_and_refuses_newcomers(group: Group) -> None:
    azure, path = group.azure, group.running_vm("box")
    group.begin_vm("young")
    assert azure.call("DELETE", group.path).status_code == 202
    assert code(azure.call("PUT", group.path, {"location": "eastus"})) == (
        409,
        "ResourceGroupBeingDeleted",
    )
    newcomer = azure.call("PUT", group.network("publicIPAddresses", "x"), {"location": "eastus"})
    assert code(newcomer) == (409, "ResourceGroupBeingDeleted")
    azure.advance(120)
    assert code(azure.call("GET", path)) == (404, "ResourceGroupNotFound")
    azure.do("PUT", group.path, {"location": "westus2"})
    assert azure.get(f"{group.path}/resources")["value"] == []
