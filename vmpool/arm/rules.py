"""Pure: which inbound rules a pool's security group shall have. One for SSH, nothing else.

Refuses to open anything to the world by itself: sources are what somebody asked for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

SSH_RULE = "allow-ssh"
SSH_PRIORITY = 1000
SSH_PORT = "22"
"""As the VM sees it; the local Azure's other port is only its way in."""
MOST_SOURCES = 8
"""Callers whose address changes daily must not leave a trail of open doors: the oldest go."""


def admits(rules: Sequence[Json], source: str) -> bool:
    """Whether the SSH rule lets everybody in `source` (a CIDR) connect."""
    wanted = ipaddress.ip_network(source, strict=False)
    return any(_covers(known, wanted) for known in _sources(rules))


def widened(rules: Sequence[Json], source: str) -> list[Json]:
    """The rules with `source` let in too.

    Args:
        rules: the group's present rules; those that somebody added stay.
        source: CIDR that may use SSH from now on.

    Returns:
        The rules to write.
    """
    others = [rule for rule in rules if rule["name"].lower() != SSH_RULE]
    known = [item for item in _sources(rules) if item != source]
    return [*others, _ssh_rule([*known, source][-MOST_SOURCES:])]


def _ssh_rule(sources: list[str]) -> Json:
    properties = {
        "description": "SSH from whoever created or resumed the pool",
        "priority": SSH_PRIORITY,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "Tcp",
        "sourceAddressPrefixes": sources,
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": SSH_PORT,
    }
    return {"name": SSH_RULE, "properties": properties}


def _sources(rules: Sequence[Json]) -> list[str]:
    for rule in rules:
        if rule["name"].lower() == SSH_RULE:
            properties = rule["properties"]
            single = properties.get("sourceAddressPrefix")
            return [*([single] if single else []), *properties.get("sourceAddressPrefixes", [])]
    return []


def _covers(known: str, wanted: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        network = ipaddress.ip_network(known, strict=False)
    except ValueError:  # a service tag or `*`: somebody's own doing, not a door that we count on
        return False
    if isinstance(network, ipaddress.IPv4Network) and isinstance(wanted, ipaddress.IPv4Network):
        return wanted.subnet_of(network)
    return network == wanted
