"""Looks at the cloud: three lists for all VMs of a pool, one more per type of other resource.

One more, of the activity log, while something is uncertain of what they have cost.

Never a request per VM: Azure allows 36 a VM in three minutes, and a status of 64 would take a
minute. Lists per type rather than the generic list of resources, which Resource Manager serves
from a cache that knows neither the newest NIC nor that an old one is gone. What cannot be read is
shown as unknown, never left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from vmpool import tags
from vmpool.arm.activity import settled
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import ADDRESS, API, PARTS, VM, group_id, subscription_id
from vmpool.arm.rest import Json, at_once, list_all
from vmpool.model import Leftover, Observed, Place, PowerState, Worker
from vmpool.money import Prices
from vmpool.spent import Spent

POWER_PREFIX = "PowerState/"
PROVISIONING = "ProvisioningState/"
CREATING = "Creating"


def list_workers(cloud: Cloud, pool: str | None = None) -> tuple[Worker, ...]:
    """Every VM of a pool as it is now, by name.

    Args:
        cloud: connection.
        pool: pool name; VMs of every pool when None.

    Raises:
        VmPoolError: Azure could not be asked; never an empty answer instead.
    """
    vms, statuses, addresses = at_once(_worker_lists(cloud))
    ours = [vm for vm in vms if (pool_of(vm) == pool if pool else pool_of(vm))]
    return settled(cloud, workers_from(ours, statuses, addresses), cloud.clock.now())


def observe_all(cloud: Cloud) -> list[Observed]:
    """Every pool's workers, by name, from one question about all; without other resources.

    Args:
        cloud: connection.

    Raises:
        VmPoolError: Azure could not be asked.
    """
    workers = list_workers(cloud)
    now = cloud.clock.now()
    found: dict[str, list[Worker]] = {}
    for worker in workers:
        if worker.tags:
            found.setdefault(worker.tags.pool, []).append(worker)
    return [Observed(pool, now, tuple(found[pool])) for pool in sorted(found)]


def observe(cloud: Cloud, pool: str) -> Observed:
    """Everything of a pool: its VMs and its other resources.

    Args:
        cloud: connection.
        pool: pool name.

    Raises:
        VmPoolError: Azure could not be asked.
    """
    kinds = [kind for kind in PARTS if kind != ADDRESS]
    calls = [*_worker_lists(cloud), *(partial(_list_group, cloud, kind) for kind in kinds)]
    vms, statuses, addresses, *others = at_once(calls)
    parts = [(ADDRESS, item) for item in addresses]
    parts += [(kind, item) for kind, items in zip(kinds, others, strict=True) for item in items]
    at = cloud.clock.now()
    workers = workers_from([vm for vm in vms if pool_of(vm) == pool], statuses, addresses)
    return Observed(
        pool=pool,
        at=at,
        workers=settled(cloud, workers, at),
        leftovers=tuple(leftover_from(kind, item) for kind, item in parts if pool_of(item) == pool),
    )


def _worker_lists(cloud: Cloud) -> list[partial[list[Json]]]:
    every_vm = f"{subscription_id(cloud)}/providers/{VM}"
    return [
        partial(_list_group, cloud, VM),
        # Only the list of the whole subscription tells power states.
        partial(list_all, cloud, every_vm, API[VM], {"statusOnly": "true"}),
        partial(_list_group, cloud, ADDRESS),
    ]


def _list_group(cloud: Cloud, kind: str) -> list[Json]:
    return list_all(cloud, f"{group_id(cloud)}/providers/{kind}", API[kind])


def workers_from(
    vms: list[Json], statuses: list[Json], addresses: list[Json]
) -> tuple[Worker, ...]:
    """Workers by name, from Azure's documents.

    Args:
        vms: those that are wanted.
        statuses: the status list, of these and of any others.
        addresses: public addresses, likewise.
    """
    seen = {item["id"].lower(): item for item in statuses}
    ips = {nic: ip for item in addresses for nic, ip in _assigned(item)}
    return tuple(_worker(vm, seen, ips) for vm in sorted(vms, key=lambda vm: str(vm["name"])))


def _worker(vm: Json, seen: Mapping[str, Json], ips: Mapping[str, str]) -> Worker:
    properties = vm.get("properties", {})
    status = seen.get(vm["id"].lower(), {})
    told = (item.get("properties", {}).get("provisioningState") for item in (status, vm))
    state = str(next(filter(None, told), ""))
    power = _power(status)
    if power is PowerState.UNKNOWN and state == CREATING:
        power = PowerState.CREATING
    nics = properties.get("networkProfile", {}).get("networkInterfaces", [])
    return Worker(
        name=str(vm["name"]),
        vm_id=str(properties.get("vmId", "")),
        resource_id=str(vm["id"]),
        place=Place(str(properties.get("hardwareProfile", {}).get("vmSize", "")), region_of(vm)),
        power_state=power,
        provisioning_state=state,
        tags=tags.decode(vm.get("tags")),
        ip=next((ips[nic["id"].lower()] for nic in nics if nic["id"].lower() in ips), ""),
        created_at=tags.parse_time(properties.get("timeCreated")),
        changed_at=_changed_at(status),
    )


def _statuses(vm: Json) -> list[Json]:
    view = vm.get("properties", {}).get("instanceView") or {}
    found: list[Json] = view.get("statuses", [])
    return found


def _changed_at(vm: Json) -> datetime | None:
    """The time of the provisioning state: the end of the last operation, or its begin."""
    times = [item.get("time") for item in _statuses(vm) if item["code"].startswith(PROVISIONING)]
    return tags.parse_time(times[0]) if times else None


def _power(vm: Json) -> PowerState:
    """The power state, unknown when Azure does not tell (it sometimes doesn't for a moment)."""
    codes = [str(status.get("code", "")) for status in _statuses(vm)]
    told = [code.removeprefix(POWER_PREFIX) for code in codes if code.startswith(POWER_PREFIX)]
    try:
        return PowerState(told[0].lower()) if told else PowerState.UNKNOWN
    except ValueError:
        return PowerState.UNKNOWN


def _assigned(address: Json) -> list[tuple[str, str]]:
    """(id of the NIC in lower case, IP) of an address that is in use."""
    properties = address.get("properties", {})
    user = str((properties.get("ipConfiguration") or {}).get("id", ""))
    nic = user.lower().partition("/ipconfigurations/")[0]
    ip = str(properties.get("ipAddress", ""))
    return [(nic, ip)] if nic and ip else []


def leftover_from(kind: str, item: Json) -> Leftover:
    """A part of a pool, from Azure's document."""
    found = tags_of(item)
    return Leftover(
        resource_id=str(item["id"]),
        type=kind,
        name=str(item["name"]),
        region=region_of(item),
        pool=found.get(tags.POOL, ""),
        pool_id=found.get(tags.POOL_ID, ""),
        worker=found.get(tags.WORKER, ""),
        created_at=tags.parse_time(
            item.get("properties", {}).get("timeCreated") or found.get(tags.SINCE)
        ),
        prices=Prices.decode(found.get(tags.PRICES)),
        spent=Spent.decode(tags.SPENT, found),
        orphan_since=tags.parse_time(found.get(tags.ORPHAN_SINCE)),
    )


def tags_of(item: Json) -> dict[str, str]:
    """Tags by name in lower case: Azure compares names without case."""
    return {key.lower(): str(value) for key, value in (item.get("tags") or {}).items()}


def pool_of(item: Json) -> str:
    """The pool that a document's tags name, "" if none."""
    return tags_of(item).get(tags.POOL, "")


def region_of(item: Json) -> str:
    """Its region in Azure's short spelling."""
    return str(item.get("location", "")).replace(" ", "").lower()
