"""What network security rules mean: who may connect to a VM, and at which public address.

As in Azure: the subnet's group and then the NIC's group must both admit a packet; a Standard public
address with no group at all is closed. Rules are tried by priority, the first that fits decides.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from local_azure.state import Resource, Store

PRIVATE = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
"""What the tag VirtualNetwork means here; everything else is Internet, loopback too."""
AZURE_LOAD_BALANCER = "168.63.129.16"


def is_allowed(store: Store, vm: Resource, source: str, port: int) -> bool:
    """Whether `source` may open a TCP connection to `port` of a VM."""
    nic = primary_nic(store, vm)
    if nic is None:
        return False
    groups = list(_groups(store, nic))
    return bool(groups) and all(_admits(group, source, port) for group in groups)


def public_address(store: Store, vm: Resource) -> str:
    """The public address of a VM's primary NIC; empty when it has none."""
    nic = primary_nic(store, vm)
    for configuration in nic.properties["ipConfigurations"] if nic else []:
        reference = configuration["properties"].get("publicIPAddress")
        address = store.get(reference["id"]) if reference else None
        if address:
            return str(address.hidden.get("address", ""))
    return ""


def primary_nic(store: Store, vm: Resource) -> Resource | None:
    """The NIC that is marked primary, or the first."""
    references = vm.properties["networkProfile"]["networkInterfaces"]
    marked = [r for r in references if r.get("properties", {}).get("primary")]
    chosen = (marked or references)[:1]
    return store.get(chosen[0]["id"]) if chosen else None


def _groups(store: Store, nic: Resource) -> Iterable[Resource]:
    owners: list[dict[str, Any]] = [nic.properties]
    for configuration in nic.properties["ipConfigurations"]:
        subnet = find_subnet(store, configuration["properties"]["subnet"]["id"])
        if subnet:
            owners.append(subnet["properties"])
    for owner in owners:
        reference = owner.get("networkSecurityGroup")
        group = store.get(reference["id"]) if reference else None
        if group:
            yield group


def find_subnet(store: Store, subnet_id: str) -> dict[str, Any] | None:
    """The subnet inside its virtual network's document."""
    network_id, _, name = subnet_id.partition("/subnets/")
    network = store.get(network_id)
    subnets: list[dict[str, Any]] = network.properties["subnets"] if network else []
    return next((s for s in subnets if s["name"].lower() == name.lower()), None)


def _admits(group: Resource, source: str, port: int) -> bool:
    rules = [*group.properties["securityRules"], *group.properties["defaultSecurityRules"]]
    inbound = [r["properties"] for r in rules if r["properties"]["direction"].lower() == "inbound"]
    for rule in sorted(inbound, key=lambda rule: int(rule["priority"])):
        if _fits(rule, source, port):
            return bool(rule["access"].lower() == "allow")
    return False


def _fits(rule: dict[str, Any], source: str, port: int) -> bool:
    return (
        rule["protocol"].lower() in ("*", "tcp")
        and any(_covers(prefix, source) for prefix in _values(rule, "sourceAddressPrefix"))
        and any(_spans(ports, port) for ports in _values(rule, "destinationPortRange"))
    )


def _values(rule: dict[str, Any], name: str) -> list[str]:
    plural = f"{name}es" if name.endswith("Prefix") else f"{name}s"
    single = rule.get(name)
    return [*([single] if single else []), *rule.get(plural, [])]


def _covers(prefix: str, source: str) -> bool:
    address = ipaddress.ip_address(source)
    is_private = any(address in network for network in PRIVATE)
    if prefix.lower() in ("*", "any"):
        return True
    if prefix.lower() == "internet":
        return not is_private
    if prefix.lower() == "virtualnetwork":
        return is_private
    if prefix.lower() == "azureloadbalancer":
        return source == AZURE_LOAD_BALANCER
    try:
        return address in ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        return False


def _spans(ports: str, port: int) -> bool:
    if ports == "*":
        return True
    low, _, high = ports.partition("-")
    return int(low) <= port <= int(high or low)
