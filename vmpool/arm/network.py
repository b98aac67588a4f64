"""A pool's network: who may use SSH, which address a worker has, and taking it all down again.

One security group and one virtual network per pool and region; one static address and one NIC per
worker, which die with its VM. The group hangs on the NICs, so that it can go as soon as they have.
Nothing but SSH is open, and that only from the caller's address: a Standard address without a
group would be closed, and `az vm create` would open it to the world.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from vmpool import naming, tags
from vmpool.arm.address import caller_address
from vmpool.arm.clients import Cloud
from vmpool.arm.groups import ensure_resource_group
from vmpool.arm.kinds import (
    ADDRESS,
    API,
    NETWORK,
    NIC,
    SECURITY_GROUP,
    resource_id,
)
from vmpool.arm.operations import STEP_CLOUD_SECONDS, Operation, begin, run_all
from vmpool.arm.parts import begin_delete_part, delete_parts
from vmpool.arm.rest import Json, find
from vmpool.arm.rules import SSH_RULE, admits, widened
from vmpool.errors import PermanentError, VmPoolError
from vmpool.money import Prices

__all__ = [
    "PoolNetwork",
    "WorkerNetwork",
    "caller_address",
    "delete_parts",
    "ensure_pool_network",
    "ensure_worker_network",
]

ADDRESS_SPACE = "10.77.0.0/16"
SUBNET_PREFIX = "10.77.0.0/24"
"""251 hosts for at most 100 workers; nothing is routed between pools."""
SUBNET = "workers"
IP_CONFIGURATION = "primary"


@dataclass(frozen=True)
class PoolNetwork:
    """What the workers of a pool share in a region.

    Attributes:
        subnet_id: where their NICs are.
        nsg_id: who may connect to them.
    """

    subnet_id: str
    nsg_id: str


@dataclass(frozen=True)
class WorkerNetwork:
    """What one worker has.

    Attributes:
        nic_id: its NIC.
        ip: its static public address.
    """

    nic_id: str
    ip: str


def ensure_pool_network(
    cloud: Cloud, pool: str, pool_id: str, region: str, ssh_source: str
) -> PoolNetwork:
    """The pool's security group and network in a region, made or mended as needed.

    Many workers ask at once: the first does the work, the others wait for it.

    Args:
        cloud: connection.
        pool: pool name.
        pool_id: the pool's id; what exists must carry it.
        region: Azure region.
        ssh_source: CIDR that may use SSH; sources admitted earlier stay admitted.

    Raises:
        PermanentError: what has these names belongs to somebody else.
    """
    key = ("network", pool, region, ssh_source)
    owner = tags.part_tags(pool, pool_id)
    return cloud.once(key, lambda: _ensure_pool(cloud, pool, owner, region, ssh_source))


def _ensure_pool(
    cloud: Cloud, pool: str, owner: dict[str, str], region: str, ssh_source: str
) -> PoolNetwork:
    ensure_resource_group(cloud, region)
    nsg = resource_id(cloud, SECURITY_GROUP, naming.nsg_name(pool, region))
    vnet = resource_id(cloud, NETWORK, naming.vnet_name(pool, region))
    head = {"location": region, "tags": owner}
    steps = [
        partial(_ensure_group, cloud, nsg, head, ssh_source),
        partial(_ensure_network, cloud, vnet, head),
    ]
    run_all(cloud, steps, STEP_CLOUD_SECONDS)
    return PoolNetwork(subnet_id=f"{vnet}/subnets/{SUBNET}", nsg_id=nsg)


def _ensure_group(cloud: Cloud, nsg: str, head: Json, ssh_source: str) -> Operation:
    existing = _ours(cloud, SECURITY_GROUP, nsg, head["tags"])
    rules = existing["properties"].get("securityRules", []) if existing else []
    if existing and _is_settled(existing) and admits(rules, ssh_source):
        return Operation(f"keep {nsg}")
    body: Any = head | {"properties": {"securityRules": widened(rules, ssh_source)}}
    groups = cloud.network.network_security_groups
    name = _name(nsg)
    return begin(
        f"create security group {name} with {SSH_RULE} from {ssh_source}",
        lambda: groups.begin_create_or_update(cloud.resource_group, name, body),
    )


def _ensure_network(cloud: Cloud, vnet: str, head: Json) -> Operation:
    existing = _ours(cloud, NETWORK, vnet, head["tags"])
    if existing and _is_settled(existing):
        return Operation(f"keep {vnet}")
    head = _with_its_tags(head, existing)
    subnet = {"name": SUBNET, "properties": {"addressPrefix": SUBNET_PREFIX}}
    space = {"addressPrefixes": [ADDRESS_SPACE]}
    body: Any = head | {"properties": {"addressSpace": space, "subnets": [subnet]}}
    networks = cloud.network.virtual_networks
    name = _name(vnet)
    return begin(
        f"create network {name}",
        lambda: networks.begin_create_or_update(cloud.resource_group, name, body),
    )


def ensure_worker_network(  # noqa: PLR0913 PLR0917 # the tasks call it with exactly these
    cloud: Cloud,
    pool: str,
    pool_id: str,
    worker: str,
    network: PoolNetwork,
    region: str,
    prices: Prices | None = None,
) -> WorkerNetwork:
    """A worker's static address and NIC, kept if they are there and in the right region.

    Args:
        cloud: connection.
        pool: pool name.
        pool_id: the pool's id; what exists must carry it.
        worker: worker name.
        network: the pool's network in the region.
        region: Azure region.
        prices: what it will cost; written to the address, which may outlive a create that fails.

    Raises:
        BusyError: they are in another region and still held by a VM there.
        PermanentError: what has these names belongs to somebody else.
    """
    owner = tags.part_tags(pool, pool_id, worker)
    head: Json = {"location": region, "tags": owner}
    nic_id = resource_id(cloud, NIC, naming.nic_name(worker))
    address_id = resource_id(cloud, ADDRESS, naming.ip_name(worker))
    try:
        present = _present(cloud, {NIC: nic_id, ADDRESS: address_id}, head)
        named = head | {"tags": owner | _address_tags(cloud, prices)}
        _step(cloud, partial(_ensure_address, cloud, address_id, named, present[ADDRESS]))
        wanted = _nic_body(head, address_id, network)
        _step(cloud, partial(_ensure_nic, cloud, nic_id, wanted, present[NIC]))
    except VmPoolError:
        cloud.forget("network", pool, region)  # it may be what is missing: look again next time
        raise
    address = find(cloud, address_id, API[ADDRESS]) or {"properties": {}}
    return WorkerNetwork(nic_id, str(address["properties"].get("ipAddress", "")))


def _present(cloud: Cloud, parts: dict[str, str], head: Json) -> dict[str, Json | None]:
    """What there is in the right region; what an attempt elsewhere left is deleted.

    A name can't be in two regions. The NIC goes first: it holds the address.
    """
    found = {kind: _ours(cloud, kind, part, head["tags"]) for kind, part in parts.items()}
    for kind, document in found.items():
        if document and document["location"].lower() != head["location"].lower():
            _step(cloud, partial(begin_delete_part, cloud, kind, document["name"]))
            found[kind] = None
    return found


def _address_tags(cloud: Cloud, prices: Prices | None) -> dict[str, str]:
    """Since when it is billed, which Azure does not tell of addresses, and how much."""
    written = {tags.SINCE: tags.format_time(cloud.clock.now())}
    return written | ({tags.PRICES: prices.encode()} if prices else {})


def _ensure_address(cloud: Cloud, address_id: str, head: Json, existing: Json | None) -> Operation:
    if existing and _is_settled(existing):
        return Operation(f"keep {address_id}")
    head = _with_its_tags(head, existing)
    kind = {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4"}
    body: Any = head | {"sku": {"name": "Standard"}, "properties": kind}
    addresses = cloud.network.public_ip_addresses
    name = _name(address_id)
    return begin(
        f"create address {name}",
        lambda: addresses.begin_create_or_update(cloud.resource_group, name, body),
    )


def _ensure_nic(cloud: Cloud, nic_id: str, body: Any, existing: Json | None) -> Operation:
    if existing and _is_settled(existing) and _address_of(existing) == _address_of(body):
        return Operation(f"keep {nic_id}")
    nics = cloud.network.network_interfaces
    name = _name(nic_id)
    return begin(
        f"create NIC {name}",
        lambda: nics.begin_create_or_update(cloud.resource_group, name, body),
    )


def _nic_body(head: Json, address_id: str, network: PoolNetwork) -> Json:
    configuration = {
        "privateIPAllocationMethod": "Dynamic",
        "subnet": {"id": network.subnet_id},
        "publicIPAddress": {"id": address_id, "properties": {"deleteOption": "Delete"}},
    }
    properties = {
        "networkSecurityGroup": {"id": network.nsg_id},
        "ipConfigurations": [{"name": IP_CONFIGURATION, "properties": configuration}],
    }
    return head | {"properties": properties}


def _address_of(nic: Json) -> list[str]:
    """Ids of a NIC's public addresses, in lower case."""
    configurations = nic["properties"].get("ipConfigurations", [])
    named = [(c["properties"].get("publicIPAddress") or {}).get("id", "") for c in configurations]
    return [str(item).lower() for item in named]


def _ours(cloud: Cloud, kind: str, part: str, owner: dict[str, str]) -> Json | None:
    """What has this id, if anything.

    Raises:
        PermanentError: it does not carry the pool's id.
    """
    existing = find(cloud, part, API[kind])
    found = {key.lower(): value for key, value in ((existing or {}).get("tags") or {}).items()}
    if existing and found.get(tags.POOL_ID) != owner[tags.POOL_ID]:
        raise PermanentError(
            f"{_name(part)} exists and does not carry this pool's id: "
            "choose another --pool or delete it by hand"
        )
    return existing


def _with_its_tags(head: Json, existing: Json | None) -> Json:
    """A PUT replaces all tags: what is noted on a resource that exists stays."""
    noted: dict[str, str] = (existing or {}).get("tags") or {}
    return head | {"tags": head["tags"] | noted}


def _is_settled(existing: Json) -> bool:
    return bool(existing["properties"].get("provisioningState") == "Succeeded")


def _step(cloud: Cloud, start: Callable[[], Operation]) -> None:
    run_all(cloud, [start], STEP_CLOUD_SECONDS)


def _name(part: str) -> str:
    return part.rpartition("/")[2]
