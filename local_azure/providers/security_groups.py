"""Network security groups and their rules. What the rules mean is in `firewall`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from local_azure import errors
from local_azure.providers.common import NETWORK, NIC, SECURITY_GROUP
from local_azure.providers.network_common import begin, serve, with_etag, write
from local_azure.route import GROUP
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

Json = dict[str, Any]
RULES = f"{GROUP}/providers/{SECURITY_GROUP}/{{name}}/securityRules"
RULE = RULES + "/{rule}"
DEFAULTS = [
    # each row: name, then priority, direction, access, source and destination
    ("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*"),
    ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*"),
    ("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet"),
    ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*"),
]
MIN_PRIORITY, MAX_PRIORITY = 100, 4096
REQUIRED = ("protocol", "access", "direction", "priority")
LISTS = (
    "sourcePortRanges",
    "destinationPortRanges",
    "sourceAddressPrefixes",
    "destinationAddressPrefixes",
)
PORTS = ("destinationPortRange", "sourcePortRange")


def _fill(call: Call, group: Resource) -> None:
    given = call.properties.get("securityRules") or []
    group.properties["securityRules"] = []
    for rule in given:
        _add(group, str(rule.get("name", "")), rule.get("properties") or {})
    group.properties["defaultSecurityRules"] = [_default(group, *row) for row in DEFAULTS]


def show_group(cloud: Cloud, group: Resource) -> Json:
    """The document of a group, with what uses it."""
    document = with_etag(group, copy.deepcopy(group.body))
    properties = document["properties"]
    for rule in (*properties["securityRules"], *properties["defaultSecurityRules"]):
        rule["etag"] = group.hidden["etag"]
    nics, subnets = _users(cloud, group)
    if nics:
        properties["networkInterfaces"] = [{"id": i} for i in nics]
    if subnets:
        properties["subnets"] = [{"id": i} for i in subnets]
    return document


def _refuse(cloud: Cloud, group: Resource) -> None:
    nics, subnets = _users(cloud, group)
    if nics or subnets:
        raise errors.network(
            400,
            "InUseNetworkSecurityGroupCannotBeDeleted",
            f"Network security group {group.id} cannot be deleted because it is in use by the "
            f"following resources: {', '.join([*nics, *subnets])}. In order to delete the Network "
            "security group, remove the association with the resource(s). To learn how to do this, "
            "see aka.ms/deletensg.",
        )


routes = serve(SECURITY_GROUP, _fill, show_group, _refuse)


@routes.on("GET", RULES)
def list_rules(call: Call) -> Reply:
    """The rules of a group."""
    return Reply(200, {"value": call.need(SECURITY_GROUP).properties["securityRules"]})


@routes.on("GET", RULE)
def get_rule(call: Call) -> Reply:
    """One rule."""
    group = call.need(SECURITY_GROUP)
    rule = _find(group, call.params["rule"])
    if rule is None:
        raise errors.network(
            404, "NotFound", f"Resource {group.id}/securityRules/{call.params['rule']} not found."
        )
    return Reply(200, rule | {"etag": group.hidden["etag"]})


@routes.on("PUT", RULE)
def put_rule(call: Call) -> Reply:
    """Create or replace a rule."""
    group = call.need(SECURITY_GROUP)
    old = _find(group, call.params["rule"])
    if old:
        group.properties["securityRules"].remove(old)
    rule = _add(group, call.params["rule"], call.properties)
    status = 200 if old else 201
    return write(call, group, lambda _, owner: rule | {"etag": owner.hidden["etag"]}, status=status)


@routes.on("DELETE", RULE)
def delete_rule(call: Call) -> Reply:
    """Delete a rule."""
    group = call.need(SECURITY_GROUP)
    rule = _find(group, call.params["rule"])
    if rule is None:
        return Reply(204)
    group.properties["securityRules"].remove(rule)
    call.cloud.store.put(group)
    return begin(call, group, "network.put", 202, None)


def _find(group: Resource, name: str) -> Json | None:
    rules: list[Json] = group.properties["securityRules"]
    return next((r for r in rules if r["name"].lower() == name.lower()), None)


def _add(group: Resource, name: str, given: Json) -> Json:
    _check(group, name, given)
    properties = {"provisioningState": "Succeeded", **given}
    for key in LISTS:
        properties.setdefault(key, [])
    rule = {
        "name": name,
        "id": f"{group.id}/securityRules/{name}",
        "type": f"{SECURITY_GROUP}/securityRules",
        "properties": properties,
    }
    group.properties["securityRules"].append(rule)
    return rule


def _check(group: Resource, name: str, given: Json) -> None:
    for key in REQUIRED:
        if given.get(key) is None:
            raise errors.network(
                400,
                "SecurityRuleParameterRequired",
                f"Required security rule parameter {key} is missing in security rule {name}.",
            )
    priority = given["priority"]
    if not isinstance(priority, int) or not MIN_PRIORITY <= priority <= MAX_PRIORITY:
        raise errors.network(
            400,
            "SecurityRuleInvalidPriority",
            f"Security rule has invalid Priority. Value provided: {priority} Allowed range "
            f"{MIN_PRIORITY}-{MAX_PRIORITY}.",
        )
    for other in group.properties["securityRules"]:
        theirs = other["properties"]
        if theirs["priority"] == priority and theirs["direction"] == given["direction"]:
            raise errors.network(
                400,
                "SecurityRuleConflict",
                f"Security rule {name} conflicts with rule {other['name']}. Rules cannot have the "
                "same Priority and Direction.",
            )
    _check_ports(name, given)


def _check_ports(name: str, given: Json) -> None:
    for key in PORTS:
        single = given.get(key)
        for ports in [*([single] if single else []), *(given.get(f"{key}s") or [])]:
            low, _, high = str(ports).partition("-")
            is_range = low.isdigit() and (high or low).isdigit() and int(low) <= int(high or low)
            if ports != "*" and not is_range:
                raise errors.network(
                    400,
                    "SecurityRuleInvalidPortRange",
                    f"Security rule {name} has invalid Port range. Value provided: {ports}. "
                    "Value should be an integer OR integer range with '-' delimiter. Valid range "
                    "0-65535.",
                )


def _default(  # noqa: PLR0913 PLR0917 # one column of DEFAULTS each
    group: Resource,
    name: str,
    priority: int,
    direction: str,
    access: str,
    source: str,
    destination: str,
) -> Json:
    properties: Json = {
        "provisioningState": "Succeeded",
        "description": "",
        "protocol": "*",
        "sourcePortRange": "*",
        "destinationPortRange": "*",
        "sourceAddressPrefix": source,
        "destinationAddressPrefix": destination,
        "access": access,
        "priority": priority,
        "direction": direction,
    }
    return {
        "name": name,
        "id": f"{group.id}/defaultSecurityRules/{name}",
        "type": f"{SECURITY_GROUP}/defaultSecurityRules",
        "properties": properties | {key: [] for key in LISTS},
    }


def _users(cloud: Cloud, group: Resource) -> tuple[list[str], list[str]]:
    def refers(properties: Json) -> bool:
        named = properties.get("networkSecurityGroup") or {}
        return str(named.get("id", "")).lower() == group.id.lower()

    nics = [nic.id for nic in cloud.store.find_all(NIC, naming=group.id) if refers(nic.properties)]
    subnets = [
        subnet["id"]
        for network in cloud.store.find_all(NETWORK, naming=group.id)
        for subnet in network.properties["subnets"]
        if refers(subnet["properties"])
    ]
    return nics, subnets
