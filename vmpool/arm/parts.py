"""Deletes what a pool has beside its VMs, in the order that Azure allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from azure.core.polling import LROPoller

from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import ADDRESS, DISK, NETWORK, NIC, PARTS, SECURITY_GROUP
from vmpool.arm.operations import STEP_CLOUD_SECONDS, Operation, begin_unless_gone, run_all
from vmpool.model import Leftover


def delete_parts(cloud: Cloud, leftovers: Iterable[Leftover]) -> None:
    """Delete what is no VM: all NICs at once, then addresses, disks, groups, networks.

    Args:
        cloud: connection.
        leftovers: what to delete; the caller has checked whose it is. Missing ones are no error.

    Raises:
        VmPoolError: something could not be deleted; what it blocks was not tried.
    """
    items = tuple(leftovers)
    for item in items:
        if not item.worker:
            cloud.forget("network", item.pool, item.region)
    for kind in PARTS:
        names = [item.name for item in items if item.type == kind]
        run_all(
            cloud,
            [partial(begin_delete_part, cloud, kind, name) for name in names],
            STEP_CLOUD_SECONDS,
        )


def begin_delete_part(cloud: Cloud, kind: str, name: str) -> Operation:
    """Have Azure delete one resource that is no VM; a missing one is done already.

    Args:
        cloud: connection.
        kind: resource type, one of `PARTS`.
        name: resource name.

    Raises:
        BusyError: something still uses it.
    """
    return begin_unless_gone(f"delete {kind} {name}", partial(_deleter(cloud, kind), name))


def _deleter(cloud: Cloud, kind: str) -> Callable[[str], LROPoller[None]]:
    group = cloud.resource_group
    if kind == DISK:
        return partial(cloud.compute.disks.begin_delete, group)
    return {
        NIC: partial(cloud.network.network_interfaces.begin_delete, group),
        ADDRESS: partial(cloud.network.public_ip_addresses.begin_delete, group),
        SECURITY_GROUP: partial(cloud.network.network_security_groups.begin_delete, group),
        NETWORK: partial(cloud.network.virtual_networks.begin_delete, group),
    }[kind]
