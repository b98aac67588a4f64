"""The guard that acts when nothing of ours runs: which of Azure's timers a VM has, and its record.

Set first, then recorded in the VM's tag, then the earlier one is taken back: whoever is killed in
between leaves a timer too many, never one too few. A refusal is recorded and reported, not raised:
no create may fail for it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from vmpool import tags
from vmpool.arm import server_timers
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import VM, resource_id
from vmpool.arm.rest import at_once
from vmpool.arm.server_timers import Submitted
from vmpool.arm.tagging import merge_tags, read_tags
from vmpool.errors import VmPoolError
from vmpool.guards import ServerTimer, TimerKind
from vmpool.settings import ServerDeadline

log = logging.getLogger(__name__)

MOST_EARLIER = 3
"""Operation ids of earlier timers that are remembered; a tag has room for five."""
OFF = ServerTimer(TimerKind.OFF)
NOBODY = ServerTimer(TimerKind.NONE)


def set_timers(
    cloud: Cloud, region: str, names: Sequence[str], at: datetime, owner: dict[str, str]
) -> dict[str, ServerTimer]:
    """Have Azure deallocate VMs at a moment, by the best means that it lets us use.

    Args:
        cloud: connection.
        region: where all of them are.
        names: VM names.
        at: when (cloud time), a whole minute.
        owner: tags of their pool.

    Returns:
        Per VM the timer that it has now, to be recorded; NONE with Azure's code if there is none.
    """
    wanted = cloud.settings.server_deadline
    if wanted is ServerDeadline.OFF:
        return dict.fromkeys(names, OFF)
    found: dict[str, ServerTimer] = {}
    codes: dict[str, str] = {}
    if wanted is not ServerDeadline.DEV_TEST_LAB:
        for name, told in server_timers.submit(cloud, region, names, at).items():
            found[name] = _timer(TimerKind.COMPUTE_SCHEDULE, at, told, (told.id,))
            codes[name] = told.code
    missing = [name for name in names if name not in found or not found[name].at]
    if wanted is not ServerDeadline.COMPUTE_SCHEDULE and missing:
        daily = partial(_set_daily, cloud, region, at, owner)
        for name, told in zip(missing, at_once([partial(daily, n) for n in missing]), strict=True):
            both = Submitted(told.id, " ".join(filter(None, (codes.get(name), told.code))))
            found[name] = _timer(TimerKind.DEV_TEST_LAB, at, both, ())
    return found


def _set_daily(
    cloud: Cloud, region: str, at: datetime, owner: dict[str, str], name: str
) -> Submitted:
    tagged = owner | {tags.WORKER: name}
    return server_timers.set_daily(cloud, region, name, at, tagged)


def _timer(kind: TimerKind, at: datetime, told: Submitted, ids: tuple[str, ...]) -> ServerTimer:
    if not told.id:
        return ServerTimer(TimerKind.NONE, reason=told.code)
    return ServerTimer(kind, at, ids)


def record(
    cloud: Cloud, region: str, name: str, timer: ServerTimer, earlier: Sequence[str] = ()
) -> None:
    """Write a VM's new timer to its tag, then take back those that it had before.

    Args:
        cloud: connection.
        region: where the VM is.
        name: VM name.
        timer: what it has now.
        earlier: operation ids of timers that no tag tells of.

    Raises:
        VmPoolError: the tag could not be written; earlier timers are then left as they are.
    """
    vm_id = resource_id(cloud, VM, name)
    old = _recorded_timer(cloud, name) or NOBODY
    if timer.kind is TimerKind.NONE and old.at and old.at > cloud.clock.now():
        log.warning("%s: its timer on Azure's side could not be moved: %s", name, timer.reason)
        return  # the earlier one still stands: better too early than never
    spare = tuple(item for item in (*old.ids, *earlier) if item not in timer.ids)[:MOST_EARLIER]
    kept = ServerTimer(timer.kind, timer.at, (*timer.ids, *spare) if timer.at else (), timer.reason)
    merge_tags(cloud, vm_id, {tags.SERVER_TIMER: tags.encode_timer(kept)})
    _take_back(cloud, region, name, spare, has_daily=_had_daily(old, timer))


def _had_daily(old: ServerTimer, new: ServerTimer) -> bool:
    return old.kind is TimerKind.DEV_TEST_LAB and new.kind is not TimerKind.DEV_TEST_LAB


def _take_back(
    cloud: Cloud, region: str, name: str, ids: Sequence[str], *, has_daily: bool
) -> None:
    try:
        server_timers.cancel(cloud, region, ids)
        if has_daily:
            server_timers.delete_daily(cloud, name)
    except VmPoolError as error:
        log.warning("%s: an earlier timer on Azure's side may still act: %s", name, error)


def clear(cloud: Cloud, region: str, name: str, earlier: Sequence[str] = ()) -> None:
    """Take back every timer of a VM that is deallocated, and have its tag say so.

    Args:
        cloud: connection.
        region: where the VM is.
        name: VM name.
        earlier: operation ids of timers that no tag tells of.

    Raises:
        VmPoolError: Azure refused or could not be asked.
    """
    timer = _recorded_timer(cloud, name)
    is_waiting = timer is not None and timer.at is not None and timer.at > cloud.clock.now()
    if not is_waiting and not earlier:
        return  # one that has acted stays on record: it tells since when the VM is down
    take_back(cloud, region, name, timer, earlier)
    if not is_waiting:
        return
    merge_tags(cloud, resource_id(cloud, VM, name), {tags.SERVER_TIMER: tags.encode_timer(NOBODY)})


def take_back(
    cloud: Cloud, region: str, name: str, timer: ServerTimer | None, earlier: Sequence[str] = ()
) -> None:
    """Take back every timer of a VM, which may be gone.

    Args:
        cloud: connection.
        region: where the VM is or was.
        name: VM name.
        timer: what its tag says or said.
        earlier: operation ids of timers that no tag tells of.

    Raises:
        VmPoolError: Azure refused or could not be asked.
    """
    server_timers.cancel(cloud, region, [*(timer.ids if timer else ()), *earlier])
    if timer and timer.kind is TimerKind.DEV_TEST_LAB:
        server_timers.delete_daily(cloud, name)


def _recorded_timer(cloud: Cloud, name: str) -> ServerTimer | None:
    found = read_tags(cloud, resource_id(cloud, VM, name))
    told = {key.lower(): value for key, value in found.items()}
    return tags.decode_timer(told.get(tags.SERVER_TIMER))


def arm(
    cloud: Cloud, regions: Mapping[str, str], at: datetime, owner: dict[str, str]
) -> dict[str, ServerTimer]:
    """Set and record the timers of VMs that exist. Never raises; what failed is logged.

    Args:
        cloud: connection.
        regions: region of each VM, by name.
        at: when (cloud time), a whole minute.
        owner: tags of their pool.

    Returns:
        Per VM what it has now.
    """
    found: dict[str, ServerTimer] = {}
    for region in sorted(set(regions.values())):
        names = sorted(name for name, place in regions.items() if place == region)
        timers = set_timers(cloud, region, names, at, owner)
        at_once([partial(_recorded, cloud, region, name, timers[name]) for name in names])
        found |= timers
    return found


def _recorded(cloud: Cloud, region: str, name: str, timer: ServerTimer) -> None:
    try:
        record(cloud, region, name, timer)
    except VmPoolError as error:
        log.warning("%s: its timer on Azure's side could not be recorded: %s", name, error)
