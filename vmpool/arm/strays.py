"""Lists what carries a tag of ours, whoever's it is, and removes what was judged to be nobody's.

One list per resource type for all pools together. Refuses to judge: that is `vmpool.orphans`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from vmpool import tags
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import API, PARTS, VM, group_id
from vmpool.arm.observing import leftover_from
from vmpool.arm.parts import delete_parts
from vmpool.arm.rest import Json, at_once, list_all
from vmpool.arm.server_timers import SCHEDULE, delete_schedule, list_schedules
from vmpool.arm.tagging import merge_tags, remove_tags
from vmpool.model import Leftover, Place, PowerState, Worker

OURS = "waa-"
"""What every tag name of ours begins with."""


def list_marked(cloud: Cloud) -> tuple[tuple[Worker, ...], tuple[Leftover, ...]]:
    """Every VM and every other resource of the group that carries a tag of ours.

    VMs come without power state and address, which nobody needs here.

    Args:
        cloud: connection.

    Raises:
        VmPoolError: Azure could not be asked; never a shorter answer instead.
    """
    group = group_id(cloud)
    kinds = (VM, *PARTS)
    lists = [partial(list_all, cloud, f"{group}/providers/{kind}", API[kind]) for kind in kinds]
    vms, *others = at_once([*lists, partial(list_schedules, cloud, group)])
    parts = [
        leftover_from(kind, item)
        for kind, items in zip((*PARTS, SCHEDULE), others, strict=True)
        for item in items
        if _is_ours(item)
    ]
    return tuple(_worker(vm) for vm in vms if _is_ours(vm)), tuple(parts)


def _is_ours(item: Json) -> bool:
    return any(name.lower().startswith(OURS) for name in item.get("tags") or {})


def _worker(vm: Json) -> Worker:
    return Worker(
        name=str(vm["name"]),
        vm_id="",
        resource_id=str(vm["id"]),
        place=Place("", ""),
        power_state=PowerState.UNKNOWN,
        provisioning_state="",
        tags=tags.decode(vm.get("tags")),
    )


def note(cloud: Cloud, parts: Sequence[Leftover]) -> None:
    """Write to resources that they were seen without an owner.

    Raises:
        VmPoolError: one could not be written; it is seen for the first time again.
    """
    written = {tags.ORPHAN_SINCE: tags.format_time(cloud.clock.now())}
    at_once([partial(merge_tags, cloud, part.resource_id, written) for part in parts])


def forget(cloud: Cloud, parts: Sequence[Leftover]) -> None:
    """Take that back: they have an owner again.

    Raises:
        VmPoolError: one could not be written.
    """
    gone = (tags.ORPHAN_SINCE,)
    at_once([partial(remove_tags, cloud, part.resource_id, gone) for part in parts])


def remove(cloud: Cloud, parts: Sequence[Leftover]) -> None:
    """Delete resources, in the order in which Azure lets them go.

    Raises:
        VmPoolError: one could not be deleted: something that is not ours still uses it.
    """
    for part in parts:
        if part.type == SCHEDULE:
            delete_schedule(cloud, part.resource_id)
    delete_parts(cloud, [part for part in parts if part.type != SCHEDULE])
