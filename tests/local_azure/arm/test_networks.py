"""Virtual networks, security groups, addresses and NICs: what they keep and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from raw_azure import Group

RULE: dict[str, Any] = {
    "protocol": "Tcp",
    "access": "Allow",
    "direction": "Inbound",
    "priority": 100,
    "sourceAddressPrefix": "127.0.0.1/32",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "22",
}


def refusal(group: Group, path: str, properties: Any, **fields: Any) -> str:
    """Error code of a PUT that must be refused as a bad request."""
    body = {"location": group.location, "properties": properties, **fields}
    answer = group.azure.call("PUT", path, body)
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"]["code"])


def test_a_subnet_lives_in_its_network_and_has_a_life_of_its_own(group: Group) -> None:
    azure = group.azure
    group.subnet()
    network = group.network("virtualNetworks", "net")
    more = f"{network}/subnets/more"
    made = azure.call("PUT", more, {"properties": {"addressPrefix": "10.0.1.0/24"}})
    assert made.status_code == 201
    azure.advance(60)
    names = [s["name"] for s in azure.get(network)["properties"]["subnets"]]
    assert names == [s["name"] for s in azure.get(f"{network}/subnets")["value"]]
    assert names == ["default", "more"]
    outside = azure.call("PUT", more, {"properties": {"addressPrefix": "192.168.0.0/24"}})
    assert outside.json()["error"]["code"] == "NetcfgInvalidSubnet"
    assert azure.call("DELETE", more).status_code == 202
    assert azure.call("GET", more).status_code == 404
    assert azure.call("DELETE", more).status_code == 204


def test_what_is_in_use_is_not_deleted(group: Group) -> None:
    azure = group.azure
    security = group.put(group.network("networkSecurityGroups", "nsg"), {"securityRules": []})
    group.nic("nic", networkSecurityGroup={"id": security["id"]})
    azure.advance(60)
    expected = {
        ("virtualNetworks", "net"): "InUseSubnetCannotBeDeleted",
        ("networkSecurityGroups", "nsg"): "InUseNetworkSecurityGroupCannotBeDeleted",
        ("publicIPAddresses", "nic-ip"): "PublicIPAddressCannotBeDeleted",
    }
    for (kind, name), code in expected.items():
        answer = azure.call("DELETE", group.network(kind, name))
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    azure.call("DELETE", group.network("networkInterfaces", "nic"))
    azure.advance(60)
    for kind, name in expected:
        assert azure.call("DELETE", group.network(kind, name)).status_code == 202


def test_private_addresses_start_after_azures_own_and_are_given_once(group: Group) -> None:
    for name in ("a", "b"):
        group.nic(name)
    given = {
        nic["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"]
        for nic in group.azure.get(group.network("networkInterfaces", "").rstrip("/"))["value"]
    }
    assert given == {"10.0.0.4", "10.0.0.5"}


def test_an_address_has_one_user_and_keeps_its_number(group: Group) -> None:
    azure = group.azure
    group.nic("one")
    azure.advance(60)
    path = group.network("publicIPAddresses", "one-ip")
    number = azure.get(path)["properties"]["ipAddress"]
    inner = {"subnet": {"id": group.subnet()}, "publicIPAddress": {"id": azure.get(path)["id"]}}
    second = {"ipConfigurations": [{"name": "main", "properties": inner}]}
    where = group.network("networkInterfaces", "two")
    assert refusal(group, where, second) == "PublicIPAddressInUse"
    azure.call("DELETE", group.network("networkInterfaces", "one"))
    azure.advance(60)
    assert group.put(where, second)["name"] == "two"
    assert azure.get(path)["properties"]["ipAddress"] == number


def test_a_nic_may_only_refer_to_what_is_there(group: Group) -> None:
    path = group.network("networkInterfaces", "nic")
    missing = {"subnet": {"id": f"{group.path}/providers/Microsoft.Network/virtualNetworks/x/s/y"}}
    bad = {"ipConfigurations": [{"name": "main", "properties": missing}]}
    assert refusal(group, path, bad) == "InvalidResourceReference"
    assert refusal(group, path, {"ipConfigurations": []}) == "InvalidRequestFormat"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"priority": 99}, "SecurityRuleInvalidPriority"),
        ({"priority": None}, "SecurityRuleParameterRequired"),
        ({"destinationPortRange": "ssh"}, "SecurityRuleInvalidPortRange"),
    ],
)
def test_rules_that_azure_refuses_are_refused(
    group: Group, change: dict[str, Any], code: str
) -> None:
    rules = [{"name": "ssh", "properties": RULE | change}]
    path = group.network("networkSecurityGroups", "nsg")
    assert refusal(group, path, {"securityRules": rules}) == code
    assert group.azure.call("GET", path).status_code == 404


def test_rules_are_changed_one_by_one(group: Group) -> None:
    azure, path = group.azure, group.network("networkSecurityGroups", "nsg")
    group.put(path, {"securityRules": [{"name": "ssh", "properties": RULE}]})
    azure.advance(60)
    clash = azure.call("PUT", f"{path}/securityRules/other", {"properties": RULE})
    assert clash.json()["error"]["code"] == "SecurityRuleConflict"
    other = {"properties": RULE | {"priority": 200, "destinationPortRange": "80-90"}}
    assert azure.call("PUT", f"{path}/securityRules/other", other).status_code == 201
    assert azure.call("PUT", f"{path}/securityRules/other", other).status_code == 200
    assert azure.call("DELETE", f"{path}/securityRules/ssh").status_code == 202
    assert [r["name"] for r in azure.get(f"{path}/securityRules")["value"]] == ["other"]
    assert len(azure.get(path)["properties"]["defaultSecurityRules"]) == 6


def test_what_azure_no_longer_sells_is_refused(group: Group) -> None:
    path = group.network("publicIPAddresses", "ip")
    basic = {"publicIPAllocationMethod": "Static"}
    assert refusal(group, path, basic) == "IPv4BasicSkuPublicIpCountLimitReached"
    dynamic = {"publicIPAllocationMethod": "Dynamic"}
    code = refusal(group, path, dynamic, sku={"name": "Standard"})
    assert code == "StandardSkuPublicIPAddressesMustUseStaticAllocation"


def test_a_resource_does_not_move_to_another_region(group: Group) -> None:
    group.address("ip")
    body = {"location": "westus2", "properties": {}, "sku": {"name": "Standard"}}
    moved = group.azure.call("PUT", group.network("publicIPAddresses", "ip"), body)
    assert (moved.status_code, moved.json()["error"]["code"]) == (409, "InvalidResourceLocation")
    nowhere = group.azure.call("PUT", "/resourceGroups/x", {"location": "mars"})
    assert nowhere.json()["error"]["code"] == "LocationNotAvailableForResourceType"
