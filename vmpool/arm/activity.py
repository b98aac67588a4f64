"""Asks Azure's activity log what happened to VMs of whose cost something is uncertain.

One question for all VMs of a resource group together, and none while everything is certain. A log
that can't be read (its right is missing, Azure is down) leaves everything as uncertain as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from vmpool import replay, tags
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import VM, subscription_id
from vmpool.arm.rest import Json, list_all
from vmpool.errors import VmPoolError
from vmpool.holdings import group_of
from vmpool.ledger import Sight
from vmpool.model import Worker
from vmpool.replay import Act

log = logging.getLogger(__name__)

LOG = "Microsoft.Insights/eventtypes/management/values"
API_VERSION = "2015-04-01"
SELECTED = "correlationId,eventTimestamp,operationName,resourceId,status"
MARGIN = timedelta(hours=1)
"""Asked for before the first doubt: an operation may have begun before it."""
FAILED, ENDED = "Failed", ("Succeeded", "Failed", "Canceled")


def settled(cloud: Cloud, workers: Sequence[Worker], at: datetime) -> tuple[Worker, ...]:
    """Workers, their ledgers brought up to what the activity log tells of them. Never raises.

    Args:
        cloud: connection.
        workers: VMs, just observed.
        at: when (cloud time).
    """
    needed: dict[str, datetime] = {}
    for worker in workers:
        since = _asks_from(worker, at)
        if since:
            group = group_of(worker.resource_id)
            needed[group] = min(since, needed.get(group, since))
    acts: dict[str, list[Act]] = {}
    for group, since in needed.items():
        try:
            acts |= _acts(cloud, group, since - MARGIN, at)
        except VmPoolError as error:
            log.warning("No activity log, so costs stay as uncertain as they are: %s", error)
            return tuple(workers)
    return tuple(
        _settled(worker, acts.get(worker.resource_id.lower(), []), at) for worker in workers
    )


def _asks_from(worker: Worker, at: datetime) -> datetime | None:
    ledger = worker.tags.ledger if worker.tags else None
    return replay.asks_from(ledger, Sight.of(worker, at)) if ledger else None


def _settled(worker: Worker, acts: list[Act], at: datetime) -> Worker:
    if not worker.tags or not worker.tags.ledger or _asks_from(worker, at) is None:
        return worker
    found = replay.settle(worker.tags.ledger, Sight.of(worker, at), acts)
    return replace(worker, tags=replace(worker.tags, ledger=found)) if found else worker


def _acts(cloud: Cloud, group: str, since: datetime, until: datetime) -> dict[str, list[Act]]:
    """What was done to VMs of a group, by their ids in lower case."""
    wanted = (
        f"eventTimestamp ge '{tags.format_time(since)}' and "
        f"eventTimestamp le '{tags.format_time(until)}' and "
        f"resourceGroupName eq '{group}'"
    )
    path = f"{subscription_id(cloud)}/providers/{LOG}"
    query = {"$filter": wanted, "$select": SELECTED}
    operations: dict[tuple[str, str, str], list[Json]] = {}
    for event in list_all(cloud, path, API_VERSION, query):
        vm_id = _vm_id(str(event.get("resourceId", "")))
        if vm_id:
            key = vm_id, _value(event, "operationName"), str(event.get("correlationId", ""))
            operations.setdefault(key, []).append(event)
    found: dict[str, list[Act]] = {}
    for (vm_id, operation, _), events in operations.items():
        act = _act(operation, events)
        if act:
            found.setdefault(vm_id, []).append(act)
    return found


def _act(operation: str, events: list[Json]) -> Act | None:
    """One operation from the events that tell of it."""
    told = [
        (moment, _value(event, "status"))
        for event in events
        if (moment := tags.parse_time(event.get("eventTimestamp")))
    ]
    if not told:
        return None
    ends = [(moment, status) for moment, status in told if status in ENDED]
    ended, status = max(ends) if ends else (None, "")
    verb = operation.lower().removeprefix(f"{VM}/".lower()).removesuffix("/action")
    return Act(verb, min(moment for moment, _ in told), ended, is_failed=status in ENDED[1:])


def _value(event: Json, name: str) -> str:
    return str((event.get(name) or {}).get("value", ""))


def _vm_id(resource_id: str) -> str:
    """The VM's id in one of it or of something that belongs to it; "" if there is none."""
    where, kind, rest = resource_id.lower().partition(f"/providers/{VM}/".lower())
    return f"{where}{kind}{rest.partition('/')[0]}" if kind else ""
