"""Network interfaces: what ties a VM to a subnet, a public address and a security group."""

from __future__ import annotations

import copy
import ipaddress
from typing import TYPE_CHECKING, Any

from local_azure import errors, firewall
from local_azure.providers import life
from local_azure.providers.common import ADDRESS, NIC, SECURITY_GROUP, keep
from local_azure.providers.network_common import reference, serve, with_etag
from local_azure.state import Resource
from local_azure.wire import Call

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

Json = dict[str, Any]
FIRST_HOST = 4
"""Azure keeps the first four addresses of every subnet for itself."""


def _fill(call: Call, nic: Resource) -> None:
    given = call.properties
    configurations = given.get("ipConfigurations") or []
    if not configurations:
        raise errors.network(
            400,
            "InvalidRequestFormat",
            f"Network interface {nic.id} must have at least one ipConfiguration.",
        )
    group = reference(call, nic, given.get("networkSecurityGroup"), SECURITY_GROUP)
    before = {c["name"]: c for c in nic.properties.get("ipConfigurations", [])}
    made = [_configuration(call, nic, c, before) for c in configurations]
    if nic.properties.get("ipConfigurations"):
        life.release_addresses(call.cloud, nic)
    made[0]["properties"]["primary"] = True
    nic.properties.update(
        ipConfigurations=made,
        dnsSettings=_dns(nic),
        enableAcceleratedNetworking=bool(given.get("enableAcceleratedNetworking", False)),
        enableIPForwarding=bool(given.get("enableIPForwarding", False)),
        hostedWorkloads=[],
        tapConfigurations=[],
        nicType="Standard",
    )
    nic.properties.pop("networkSecurityGroup", None)
    if group:
        nic.properties["networkSecurityGroup"] = group
    _claim(call.cloud, nic)


def show_nic(_cloud: Cloud, nic: Resource) -> Json:
    """The document of a NIC, with the VM that it belongs to."""
    document = with_etag(nic, copy.deepcopy(nic.body))
    properties = document["properties"]
    # Recorded: a NIC shows Succeeded from its first answer on.
    if properties["provisioningState"] == "Updating":
        properties["provisioningState"] = "Succeeded"
    for configuration in properties["ipConfigurations"]:
        configuration["etag"] = nic.hidden["etag"]
    if vm := nic.hidden.get("vm"):
        properties["virtualMachine"] = {"id": vm}
        properties["primary"] = True
        properties["macAddress"] = _mac(nic)
    return document


def _refuse(_cloud: Cloud, nic: Resource) -> None:
    if vm := nic.hidden.get("vm"):
        raise errors.network(
            400,
            "NicInUse",
            f"Network Interface {nic.id} is used by existing resource {vm}. In order to delete the "
            "network interface, it must be dissociated from the resource. To learn more, see "
            "aka.ms/deletenic.",
        )


routes = serve(NIC, _fill, show_nic, _refuse)


def _configuration(call: Call, nic: Resource, given: Json, before: dict[str, Json]) -> Json:
    name, properties = str(given.get("name", "")), given.get("properties") or {}
    subnet_id = str((properties.get("subnet") or {}).get("id", ""))
    subnet = firewall.find_subnet(call.cloud.store, subnet_id)
    network = call.cloud.store.get(subnet_id.partition("/subnets/")[0])
    if subnet is None or network is None or network.location != nic.location:
        raise errors.invalid_reference(subnet_id, nic.id)
    address = _public(call, nic, name, properties.get("publicIPAddress"))
    old = before.get(name, {}).get("properties", {})
    kept: Json = {
        "provisioningState": "Succeeded",
        "privateIPAddress": old.get("privateIPAddress") or _private(call.cloud, subnet),
        "privateIPAllocationMethod": properties.get("privateIPAllocationMethod", "Dynamic"),
        "subnet": {"id": subnet["id"]},
        "primary": False,
        "privateIPAddressVersion": "IPv4",
    }
    if address:
        kept["publicIPAddress"] = address
    return {
        "name": name,
        "id": f"{nic.id}/ipConfigurations/{name}",
        "type": f"{NIC}/ipConfigurations",
        "properties": kept,
    }


def _mac(nic: Resource) -> str:
    """The hardware address, under one of Azure's prefixes."""
    digits = nic.hidden["guid"].replace("-", "")[:6].upper()
    return "-".join(("00", "0D", "3A", digits[:2], digits[2:4], digits[4:]))


def _dns(nic: Resource) -> Json:
    suffix = nic.properties["resourceGuid"].replace("-", "")[:26]
    return {
        "dnsServers": [],
        "appliedDnsServers": [],
        "internalDomainNameSuffix": f"{suffix}.bx.internal.cloudapp.net",
    }


def _public(call: Call, nic: Resource, name: str, given: Any) -> Json | None:
    kept = reference(call, nic, given, ADDRESS)
    address = call.cloud.store.get(kept["id"]) if kept else None
    if address is None:
        return None
    user = address.hidden.get("used_by")
    if user and not user.lower().startswith(f"{nic.id}/".lower()):
        raise errors.network(
            400,
            "PublicIPAddressInUse",
            f"Resource {nic.id}/ipConfigurations/{name} is referencing public IP address "
            f"{address.id} that is already allocated to resource {user}.",
        )
    return kept


def _private(cloud: Cloud, subnet: Json) -> str:
    taken = {
        c["properties"]["privateIPAddress"]
        for nic in cloud.store.find_all(NIC, naming=subnet["id"])
        for c in nic.properties["ipConfigurations"]
        if c["properties"]["subnet"]["id"].lower() == subnet["id"].lower()
    }
    network = ipaddress.IPv4Network(subnet["properties"]["addressPrefix"])
    for number in range(FIRST_HOST, network.num_addresses - 1):
        if (address := str(network[number])) not in taken:
            return address
    raise errors.network(
        400,
        "SubnetIsFull",
        f"Subnet {subnet['name']} with address prefix {network} does not have enough capacity for "
        "1 IP addresses.",
    )


def _claim(cloud: Cloud, nic: Resource) -> None:
    for configuration in nic.properties["ipConfigurations"]:
        named = configuration["properties"].get("publicIPAddress")
        address = cloud.store.get(named["id"]) if named else None
        if address:
            address.hidden["used_by"] = configuration["id"]
            keep(cloud, address)
