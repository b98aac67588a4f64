"""The local Azure's answers held against recordings of the real one: status, headers, shape.

Each case makes the recorded request in a world that is brought into the recorded situation; then
what was recorded must be there (same keys, same types), and what is more must be named below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from raw_azure import Group, RawAzure
from recorded import (
    RECORDINGS,
    WHERE,
    api_of,
    check,
    differences,
    recorded,
)


def act(group: Group, action: str, exchange: dict[str, Any], query: str = "") -> httpx.Response:
    path = f"{group.vm('box')}/{action}?{query}api-version={api_of(exchange)}"
    return group.azure.call("POST", path)


def follow(azure: RawAzure, answer: httpx.Response, name: str, seconds: float) -> None:
    """Poll as recorded: in progress, then after `seconds` the end."""
    exchanges = json.loads((RECORDINGS / f"{name}.json").read_text())["exchanges"][1:]
    for exchange in exchanges:
        state = exchange["response"]["body"]
        if state and state["status"] != "InProgress":
            azure.advance(seconds)
        which = "location" if "monitor=true" in exchange["request"]["path"] else WHERE[0]
        check(azure.call("GET", answer.headers[which]), exchange)


@pytest.mark.parametrize(
    ("recording", "action", "before", "query"),
    [
        ("vm_start", "start", "deallocate", ""),
        ("vm_deallocate", "deallocate", None, ""),
        ("vm_restart", "restart", None, ""),
        ("vm_poweroff", "powerOff", None, ""),
        ("vm_poweroff_2023", "powerOff", None, "skipShutdown=false&"),
    ],
)
def test_power_action_answers_and_polls_as_recorded(
    group: Group, recording: str, action: str, before: str | None, query: str
) -> None:
    path = group.running_vm("box")
    if before:
        group.azure.call("POST", f"{path}/{before}")
        group.azure.advance(600)
    first = recorded(recording)
    answer = act(group, action, first, query)
    check(answer, first)
    if recording != "vm_poweroff_2023":
        follow(group.azure, answer, recording, 300)


def test_generalize_answers_as_recorded(group: Group) -> None:
    path = group.running_vm("box")
    group.azure.call("POST", f"{path}/powerOff")
    group.azure.advance(60)
    first = recorded("vm_generalize")
    check(act(group, "generalize", first), first)


def test_vm_delete_answers_as_recorded(group: Group) -> None:
    path = group.running_vm("box")
    first = recorded("vm_delete")
    answer = group.azure.call("DELETE", path, api=api_of(first))
    check(answer, first)
    follow(group.azure, answer, "vm_delete", 120)


@pytest.mark.parametrize("recording", ["vm_patch", "vm_put_update"])
def test_vm_update_answers_as_recorded(group: Group, recording: str) -> None:
    path = group.running_vm("box")
    first, poll, after = (recorded(recording, n) for n in range(3))
    api = api_of(first)
    body: dict[str, Any] = {"tags": {}}
    if first["request"]["method"] == "PUT":
        body = group.azure.get(path, api=api)
    answer = group.azure.call(first["request"]["method"], path, body, api=api)
    check(answer, first)
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    group.azure.advance(60)
    check(group.azure.call("GET", answer.headers["azure-asyncoperation"]), poll)
    check(group.azure.call("GET", path, api=api), after)


@pytest.mark.parametrize(
    ("recording", "actions"),
    [
        ("vm_get_instanceview_running", []),
        ("vm_get_instanceview_deallocated", ["deallocate", "generalize"]),
        ("vm_get_instanceview_generalized", ["deallocate", "generalize"]),
    ],
)
def test_instance_view_looks_as_recorded(group: Group, recording: str, actions: list[str]) -> None:
    path = group.running_vm("box")
    for action in actions:
        group.azure.call("POST", f"{path}/{action}")
        group.azure.advance(120)
    exchange = recorded(recording)
    answer = group.azure.call("GET", f"{path}?$expand=instanceView&api-version={api_of(exchange)}")
    check(answer, exchange)
    theirs = exchange["response"]["body"]["properties"]["instanceView"]["statuses"]
    ours = answer.json()["properties"]["instanceView"]["statuses"]
    assert [s["displayStatus"] for s in ours][-1] == theirs[-1]["displayStatus"]
    assert [s["code"].split("/")[0] for s in ours] == [s["code"].split("/")[0] for s in theirs]


def test_instance_view_endpoint_looks_as_recorded(group: Group) -> None:
    path = group.running_vm("box")
    group.azure.call("POST", f"{path}/deallocate")
    group.azure.advance(120)
    exchange = recorded("vm_instanceView_endpoint")
    answer = group.azure.call("GET", f"{path}/instanceView")
    assert differences(exchange["response"]["body"], answer.json()) == []


def test_vm_list_looks_as_recorded(group: Group) -> None:
    group.running_vm("box")
    exchange = recorded("vm_list")
    listing = f"{group.path}/providers/Microsoft.Compute/virtualMachines"
    check(group.azure.call("GET", listing, api=api_of(exchange)), exchange)


def test_disk_create_answers_as_recorded(group: Group) -> None:
    first, poll, after = (recorded("disk_create", n) for n in range(3))
    path = f"{group.path}/providers/Microsoft.Compute/disks/d3"
    body = first["request"]["body"] | {"location": group.location}
    answer = group.azure.call("PUT", path, body, api=api_of(first))
    check(answer, first)
    group.azure.advance(60)
    check(group.azure.call("GET", answer.headers["azure-asyncoperation"]), poll)
    check(group.azure.call("GET", path, api=api_of(after)), after)


def test_image_create_answers_as_recorded(group: Group) -> None:
    path = group.running_vm("box")
    for action in ("deallocate", "generalize"):
        group.azure.call("POST", f"{path}/{action}")
        group.azure.advance(120)
    first, poll, after = (recorded("image_create", n) for n in range(3))
    body = first["request"]["body"] | {"location": group.location}
    vm_id = f"{group.azure.subscription}{path}"
    body["properties"] |= {"sourceVirtualMachine": {"id": vm_id}, "hyperVGeneration": "V2"}
    image = f"{group.path}/providers/Microsoft.Compute/images/myImage2"
    answer = group.azure.call("PUT", image, body, api=api_of(first))
    check(answer, first)
    assert "diskSizeGB" not in answer.json()["properties"]["storageProfile"]["osDisk"]
    group.azure.advance(60)
    check(group.azure.call("GET", answer.headers["azure-asyncoperation"]), poll)
    shown = group.azure.call("GET", image, api=api_of(after))
    check(shown, after)
    ours, theirs = (each["properties"] for each in (shown.json(), after["response"]["body"]))
    for document in (ours, theirs):
        del document["sourceVirtualMachine"], document["storageProfile"]["osDisk"]["managedDisk"]
    assert ours == theirs | {"hyperVGeneration": "V2"}


def test_public_address_create_answers_as_recorded(group: Group) -> None:
    first, poll, after = (recorded("publicip_create", n) for n in range(3))
    path = group.network("publicIPAddresses", "ip1")
    body = first["request"]["body"] | {"location": group.location}
    answer = group.azure.call("PUT", path, body, api=api_of(first))
    check(answer, first)
    group.azure.advance(60)
    check(group.azure.call("GET", answer.headers["azure-asyncoperation"]), poll)
    check(group.azure.call("GET", path, api=api_of(after)), after)


def test_nic_create_and_delete_answer_as_recorded(group: Group) -> None:
    first, poll, after = (recorded("nic_create", n) for n in range(3))
    inner = {"subnet": {"id": group.subnet()}, "privateIPAllocationMethod": "Dynamic"}
    properties = {"ipConfigurations": [{"name": "ipconfig1", "properties": inner}]}
    path = group.network("networkInterfaces", "nic1")
    body = {"location": group.location, "properties": properties}
    answer = group.azure.call("PUT", path, body, api=api_of(first))
    check(answer, first)
    group.azure.advance(60)
    check(group.azure.call("GET", answer.headers["azure-asyncoperation"]), poll)
    check(group.azure.call("GET", path, api=api_of(after)), after)
    gone, poll = recorded("nic_delete"), recorded("nic_delete", 1)
    answer = group.azure.call("DELETE", path, api=api_of(gone))
    check(answer, gone)
    group.azure.advance(60)
    check(group.azure.call("GET", answer.headers["azure-asyncoperation"]), poll)


def test_group_create_and_delete_answer_as_recorded(still_azure: RawAzure) -> None:
    made, gone = recorded("rg_create"), recorded("rg_delete")
    body = made["request"]["body"] | {"location": "westus2"}
    path = "/resourcegroups/clitest.rg000001"
    check(still_azure.call("PUT", path, body, api=api_of(made)), made)
    answer = still_azure.call("DELETE", path, api=api_of(gone))
    check(answer, gone)
    assert still_azure.call("GET", answer.headers["location"]).status_code == 202
    still_azure.advance(600)
    assert still_azure.call("GET", answer.headers["location"]).status_code == 200


def test_usages_look_as_recorded(still_azure: RawAzure) -> None:
    exchange = recorded("usages")
    path = "/providers/Microsoft.Compute/locations/eastus/usages"
    check(still_azure.call("GET", path, api=api_of(exchange)), exchange)


def _missing(group: Group, kind: str) -> httpx.Response:
    return group.azure.call("GET", f"{group.path}/providers/{kind}/dummy")


def _delete(kind: str, name: str) -> Callable[[Group], httpx.Response]:
    def send(group: Group) -> httpx.Response:
        nsg = group.put(group.network("networkSecurityGroups", "nsg"), {"securityRules": []})
        nic = group.nic("nic", networkSecurityGroup={"id": nsg["id"]})
        body = {"location": group.location, "properties": group.vm_body(nic)}
        group.azure.call("PUT", group.vm("box"), body)
        wanted = name
        if kind.endswith("disks"):
            wanted = group.azure.get(f"{group.path}/providers/{kind}")["value"][0]["name"]
        return group.azure.call("DELETE", f"{group.path}/providers/{kind}/{wanted}")

    return send


REFUSALS: dict[str, Callable[[Group], httpx.Response]] = {
    "virtualMachines/s1": lambda g: _missing(g, "Microsoft.Compute/virtualMachines"),
    "virtualNetworks/vnet1": lambda g: _missing(g, "Microsoft.Network/virtualNetworks"),
    "networkSecurityGroups/vm2": lambda g: _missing(g, "Microsoft.Network/networkSecurityGroups"),
    "cli_rg_nowait_test000001?": lambda g: g.azure.call("GET", "/resourceGroups/nosuch"),
    "disks/cli-test-vm000002_OsDisk": _delete("Microsoft.Compute/disks", ""),
    "networkInterfaces/cli-test-vm000002VMNic": _delete(
        "Microsoft.Network/networkInterfaces", "nic"
    ),
    "networkSecurityGroups/cli-test": _delete("Microsoft.Network/networkSecurityGroups", "nsg"),
    "publicIPAddresses/cli-test": _delete("Microsoft.Network/publicIPAddresses", "nic-ip"),
    "virtualNetworks/cli-test": _delete("Microsoft.Network/virtualNetworks", "net"),
    "schedules/shutdown-computevm": lambda g: g.azure.call(
        "PUT", f"{g.path}/providers/Microsoft.DevTestLab/schedules/x", {}
    ),
}


@pytest.mark.parametrize("part", REFUSALS)
def test_refusal_is_worded_as_recorded(group: Group, part: str) -> None:
    every = json.loads((RECORDINGS / "errors.json").read_text())["exchanges"]
    exchange = next(e for e in every if part in e["request"]["path"])
    ours, theirs = REFUSALS[part](group), exchange["response"]
    assert ours.status_code == theirs["status"]
    assert ours.headers.get("x-ms-failure-cause") == theirs["headers"].get("x-ms-failure-cause")
    assert ours.json()["error"]["code"] == theirs["body"]["error"]["code"]
    assert differences(theirs["body"], ours.json()) == []
    assert words(ours.json()["error"]["message"]) == words(theirs["body"]["error"]["message"])


def words(message: str) -> list[str]:
    """A message without names and ids: its fixed words."""
    plain = re.sub(
        r"/subscriptions/\S+|'[^']*'|\S*(cli-test|OsDisk|nsg)\S*|Subnet \S+", "X", message
    )
    return plain.split()
