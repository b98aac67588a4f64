"""Virtual networks and their subnets. A subnet lives in its network's document."""

from __future__ import annotations

import copy
import ipaddress
from typing import TYPE_CHECKING, Any

from local_azure import errors
from local_azure.providers.common import NETWORK, NIC, SECURITY_GROUP
from local_azure.providers.network_common import begin, reference, serve, with_etag, write
from local_azure.route import GROUP
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

Json = dict[str, Any]
SUBNETS = f"{GROUP}/providers/{NETWORK}/{{name}}/subnets"
SUBNET = SUBNETS + "/{subnet}"
SUBNET_TYPE = f"{NETWORK}/subnets"


def _fill(call: Call, network: Resource) -> None:
    given = call.properties
    prefixes = (given.get("addressSpace") or {}).get("addressPrefixes") or []
    if not prefixes:
        raise errors.network(
            400, "InvalidRequestFormat", "Virtual network needs addressSpace.addressPrefixes."
        )
    for prefix in prefixes:
        _network(prefix)
    network.properties["addressSpace"] = {"addressPrefixes": prefixes}
    network.properties.setdefault("subnets", [])
    network.properties["virtualNetworkPeerings"] = []
    network.properties["enableDdosProtection"] = False
    if "subnets" in given:
        wanted = {str(s.get("name", "")).lower() for s in given["subnets"]}
        for old in network.properties["subnets"]:
            if old["name"].lower() not in wanted:
                _refuse_subnet(call.cloud, old)
        network.properties["subnets"] = [_subnet(call, network, s) for s in given["subnets"]]


def show_network(cloud: Cloud, network: Resource) -> Json:
    """The document of a network, with its subnets."""
    document = with_etag(network, copy.deepcopy(network.body))
    document["properties"]["subnets"] = [
        _show_subnet(cloud, network, s) for s in network.properties["subnets"]
    ]
    return document


def _refuse(cloud: Cloud, network: Resource) -> None:
    for subnet in network.properties["subnets"]:
        _refuse_subnet(cloud, subnet)


routes = serve(NETWORK, _fill, show_network, _refuse)


@routes.on("GET", SUBNETS)
def list_subnets(call: Call) -> Reply:
    """The subnets of a network."""
    network = call.need(NETWORK)
    shown = [_show_subnet(call.cloud, network, s) for s in network.properties["subnets"]]
    return Reply(200, {"value": shown})


@routes.on("GET", SUBNET)
def get_subnet(call: Call) -> Reply:
    """One subnet."""
    network = call.need(NETWORK)
    shown = _show_subnet(call.cloud, network, _need(call, network))
    return Reply(200, shown, {"etag": network.hidden["etag"]})


@routes.on("PUT", SUBNET)
def put_subnet(call: Call) -> Reply:
    """Create or replace a subnet."""
    network = call.need(NETWORK)
    name = call.params["subnet"]
    new = _subnet(call, network, {"name": name, "properties": call.properties})
    others = [s for s in network.properties["subnets"] if s["name"].lower() != name.lower()]
    status = 200 if len(others) < len(network.properties["subnets"]) else 201
    network.properties["subnets"] = [*others, new]
    return write(call, network, lambda cloud, owner: _show_subnet(cloud, owner, new), status=status)


@routes.on("DELETE", SUBNET)
def delete_subnet(call: Call) -> Reply:
    """Delete a subnet that nothing uses."""
    network = call.need(NETWORK)
    subnet = _find(call, network)
    if subnet is None:
        return Reply(204)
    _refuse_subnet(call.cloud, subnet)
    network.properties["subnets"].remove(subnet)
    call.cloud.store.put(network)
    return begin(call, network, "network.put", 202, None)


def _find(call: Call, network: Resource) -> Json | None:
    wanted = call.params["subnet"].lower()
    subnets: list[Json] = network.properties["subnets"]
    return next((s for s in subnets if s["name"].lower() == wanted), None)


def _need(call: Call, network: Resource) -> Json:
    found = _find(call, network)
    if found is None:
        raise errors.network(
            404, "NotFound", f"Resource {network.id}/subnets/{call.params['subnet']} not found."
        )
    return found


def _subnet(call: Call, network: Resource, given: Json) -> Json:
    name, properties = str(given.get("name", "")), given.get("properties") or {}
    prefix = properties.get("addressPrefix") or (properties.get("addressPrefixes") or [""])[0]
    inside = [_network(p) for p in network.properties["addressSpace"]["addressPrefixes"]]
    if not any(_network(prefix).subnet_of(space) for space in inside):
        raise errors.network(
            400,
            "NetcfgInvalidSubnet",
            f"Subnet '{name}' is not valid because its IP address range is outside the IP address "
            f"range of virtual network '{network.name}'.",
        )
    kept: Json = {
        "addressPrefix": prefix,
        "delegations": [],
        "privateEndpointNetworkPolicies": "Disabled",
        "privateLinkServiceNetworkPolicies": "Enabled",
    }
    group = reference(call, network, properties.get("networkSecurityGroup"), SECURITY_GROUP)
    if group:
        kept["networkSecurityGroup"] = group
    return {"name": name, "id": f"{network.id}/subnets/{name}", "properties": kept}


def _show_subnet(cloud: Cloud, network: Resource, subnet: Json) -> Json:
    state = network.properties["provisioningState"]
    users = [{"id": i} for i in _users(cloud, subnet["id"])]
    properties = {"provisioningState": state, **subnet["properties"]}
    if users:
        properties["ipConfigurations"] = users
    return {
        "name": subnet["name"],
        "id": subnet["id"],
        "etag": network.hidden["etag"],
        "properties": properties,
        "type": SUBNET_TYPE,
    }


def _users(cloud: Cloud, subnet_id: str) -> list[str]:
    return [
        f"{nic.id}/ipConfigurations/{configuration['name']}"
        for nic in cloud.store.find_all(NIC, naming=subnet_id)
        for configuration in nic.properties["ipConfigurations"]
        if configuration["properties"]["subnet"]["id"].lower() == subnet_id.lower()
    ]


def _refuse_subnet(cloud: Cloud, subnet: Json) -> None:
    users = _users(cloud, subnet["id"])
    if users:
        raise errors.network(
            400,
            "InUseSubnetCannotBeDeleted",
            f"Subnet {subnet['name']} is in use by {', '.join(users)} and cannot be deleted. In "
            "order to delete the subnet, delete all the resources within the subnet. See "
            "aka.ms/deletesubnet.",
        )


def _network(prefix: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(prefix)
    except ValueError as error:
        raise errors.network(
            400, "InvalidAddressPrefixFormat", f"Address prefix {prefix} is not a CIDR notation."
        ) from error
