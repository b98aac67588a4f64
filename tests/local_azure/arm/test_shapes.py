"""Bodies in which one thing has the wrong JSON type: refused, no crash, nothing broken after."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from raw_azure import Group

JUNK = ("x", 7, True, [], {}, [None], {"x": 1}, None)
RULE = {
    "protocol": "Tcp",
    "access": "Allow",
    "direction": "Inbound",
    "priority": 100,
    "sourceAddressPrefix": "127.0.0.1/32",
    "destinationPortRange": "22",
}


def bodies(group: Group) -> dict[str, tuple[str, dict[str, Any]]]:
    """A good body of each kind of write, and where it goes."""
    nic, subnet, address = group.nic("nic"), group.subnet(), group.address("ip")
    nsg = group.put(group.network("networkSecurityGroups", "nsg"), {"securityRules": []})["id"]
    rule = {"name": "ssh", "properties": RULE}
    part = {
        "subnet": {"id": subnet},
        "publicIPAddress": {"id": address, "properties": {"deleteOption": "Delete"}},
    }
    whole: dict[str, dict[str, Any]] = {
        group.vm("box"): {"properties": group.vm_body(nic), "tags": {"a": "b"}},
        group.network("virtualNetworks", "n"): {
            "properties": {
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": [
                    {
                        "name": "x",
                        "properties": {
                            "addressPrefix": "10.0.0.0/24",
                            "networkSecurityGroup": {"id": nsg},
                        },
                    }
                ],
            }
        },
        group.network("networkInterfaces", "n"): {
            "properties": {
                "networkSecurityGroup": {"id": nsg},
                "ipConfigurations": [{"name": "a", "properties": part}],
            }
        },
        group.network("publicIPAddresses", "i"): {
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        },
        group.network("networkSecurityGroups", "s"): {"properties": {"securityRules": [rule]}},
        f"{group.path}/providers/Microsoft.Compute/disks/d": {
            "sku": {"name": "Premium_LRS"},
            "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 32},
        },
        group.path: {"tags": {"a": "b"}},
    }
    kinds = ("vm", "network", "nic", "address", "rules", "disk", "group")
    placed = [(path, {"location": group.location, **body}) for path, body in whole.items()]
    return dict(zip(kinds, placed, strict=True))


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside a document."""
    if at:
        yield at
    pairs = value.items() if isinstance(value, dict) else []
    pairs = enumerate(value) if isinstance(value, list) else pairs
    for key, inner in pairs:
        yield from places(inner, (*at, key))


def spoilt(body: dict[str, Any], at: tuple[Any, ...], junk: Any) -> dict[str, Any]:
    """A copy with `junk` at one place."""
    made = copy.deepcopy(body)
    inner: Any = made
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = junk
    return made


@pytest.mark.parametrize("kind", ["vm", "network", "nic", "address", "rules", "disk", "group"])
def test_no_wrong_type_anywhere_in_a_body_breaks_the_server(group: Group, kind: str) -> None:
    path, body = bodies(group)[kind]
    crashed = []
    for number, (at, junk) in enumerate((a, j) for a in places(body) for j in JUNK):
        if number % 50 == 0:
            group.azure.advance(600)  # full buckets; what was accepted has ended
        answer = group.azure.call("PUT", path, spoilt(body, at, junk))
        if answer.status_code >= 500:
            crashed.append((at, junk, answer.text))
    assert crashed == []
    group.azure.advance(600)
    assert group.azure.call("GET", f"{group.path}/resources").status_code == 200
    listing = path.rpartition("/")[0]
    assert group.azure.call("GET", listing).status_code == 200


def test_the_refusal_names_the_place(group: Group) -> None:
    body = {"location": "eastus", "properties": {"securityRules": [{"properties": 7}]}}
    answer = group.azure.call("PUT", group.network("networkSecurityGroups", "s"), body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "InvalidRequestContent")
    assert error["message"].endswith("'properties.securityRules[0].properties' is not an object.")
