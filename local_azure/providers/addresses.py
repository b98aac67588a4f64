"""Public IP addresses: one loopback address each, given at creation and kept until deletion."""

from __future__ import annotations

import copy
import secrets
from typing import TYPE_CHECKING, Any

from local_azure import errors
from local_azure.providers.common import ADDRESS
from local_azure.providers.network_common import serve, with_etag
from local_azure.state import Resource
from local_azure.wire import Call

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

FIRST_OCTETS = range(16, 250)
"""Second octet of our addresses; 127.0 and 127.1 are what other programs on a machine use."""


def _fill(call: Call, address: Resource) -> None:
    given = call.properties
    sku = (call.body.get("sku") or {}).get("name", "Basic")
    method = given.get("publicIPAllocationMethod", "Dynamic")
    _check_kind(address, sku, method)
    address.body["sku"] = {"name": sku, "tier": "Regional"}
    if "zones" in call.body:
        address.body["zones"] = call.body["zones"]
    address.properties.update(
        publicIPAddressVersion=given.get("publicIPAddressVersion", "IPv4"),
        publicIPAllocationMethod=method,
        idleTimeoutInMinutes=given.get("idleTimeoutInMinutes", 4),
        ipTags=given.get("ipTags", []),
    )
    if "address" not in address.hidden:
        address.hidden["address"] = _free_address(call.cloud)


def _check_kind(address: Resource, sku: str, method: str) -> None:
    if sku != "Standard":
        raise errors.network(
            400,
            "IPv4BasicSkuPublicIpCountLimitReached",
            "Cannot create more than 0 IPv4 Basic SKU public IP addresses for this subscription in "
            "this region.",
        )
    if method != "Static":
        raise errors.network(
            400,
            "StandardSkuPublicIPAddressesMustUseStaticAllocation",
            f"Standard sku publicIp {address.id} AllocationMethod cannot be set to {method}. For "
            "Standard Sku publicIps, only Static AllocationMethod is allowed.",
        )


def show_address(_cloud: Cloud, address: Resource) -> dict[str, Any]:
    """The document of an address; the number appears once it is provisioned, as recorded."""
    document = with_etag(address, copy.deepcopy(address.body))
    properties = document["properties"]
    if properties["provisioningState"] != "Updating":
        properties["ipAddress"] = address.hidden["address"]
    if user := address.hidden.get("used_by"):
        properties["ipConfiguration"] = {"id": user}
    return document


def _refuse(_cloud: Cloud, address: Resource) -> None:
    if user := address.hidden.get("used_by"):
        raise errors.network(
            400,
            "PublicIPAddressCannotBeDeleted",
            f"Public IP address {address.id} can not be deleted since it is still allocated to "
            f"resource {user}. In order to delete the public IP, disassociate/detach the Public IP "
            "address from the resource.  To learn how to do this, see aka.ms/deletepublicip.",
        )


routes = serve(ADDRESS, _fill, show_address, _refuse)


def _free_address(cloud: Cloud) -> str:
    taken = {a.hidden.get("address") for a in cloud.store.find_all(ADDRESS)}
    while True:
        octets = (secrets.choice(FIRST_OCTETS), secrets.randbelow(256), secrets.randbelow(254) + 1)
        address = "127." + ".".join(str(o) for o in octets)
        if address not in taken:
            return address
