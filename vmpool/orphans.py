"""Pure: which resources carry our tags and belong to nobody any more. Doubt protects.

An interrupted create leaves a NIC before there is any VM, and a VM deleted by hand leaves what the
portal did not delete with it. Only what a second run still finds without an owner is removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vmpool.model import Leftover, Worker

FEWEST_BETWEEN = timedelta(minutes=10)
"""Between the run that first sees an orphan and the one that removes it, at least."""
OF_THE_POOL = ("networksecuritygroups", "virtualnetworks")
"""Resource types that belong to a whole pool; all others belong to a worker."""


class OrphanVerb(StrEnum):
    """What is done about a resource."""

    REPORT = "report"
    """Said, never touched: whose it is can't be told for sure."""
    NOTE = "note"
    """Seen without an owner for the first time."""
    WAIT = "wait"
    """Seen before, but only just, or an operation works on its pool right now."""
    REMOVE = "remove"
    FORGET = "forget"
    """It was noted, and has an owner again."""


@dataclass(frozen=True)
class Orphan:
    """A resource that seems to belong to nobody.

    Attributes:
        part: the resource.
        verb: what is done about it.
        reason: why, for people.
        failure: why it could not be done, None if it was or was not tried.
    """

    part: Leftover
    verb: OrphanVerb
    reason: str
    failure: Exception | None = None


def judge_all(
    parts: Sequence[Leftover], workers: Sequence[Worker], now: datetime
) -> tuple[Orphan, ...]:
    """What is to be done about resources that carry a tag of ours; those in order are left out.

    Args:
        parts: resources that are no VMs.
        workers: every VM that carries a tag of ours, also those whose tags can't be read.
        now: cloud time.
    """
    owners = _Owners(workers)
    found = (_judge(part, owners, now) for part in parts)
    return tuple(orphan for orphan in found if orphan)


class _Owners:
    """Whom resources may belong to."""

    def __init__(self, workers: Iterable[Worker]) -> None:
        everyone = tuple(workers)
        readable = [(worker, worker.tags) for worker in everyone if worker.tags]
        self.by_name = {worker.name: worker for worker in everyone}
        self.pool_ids = {tags.pool_id for _, tags in readable}
        self.pools = {tags.pool for _, tags in readable}
        self.unreadable = tuple(worker.name for worker in everyone if worker.tags is None)


def _judge(part: Leftover, owners: _Owners, now: datetime) -> Orphan | None:
    doubt = _doubt(part, owners)
    if doubt:
        return Orphan(part, OrphanVerb.REPORT, doubt)
    if _is_owned(part, owners):
        return Orphan(part, OrphanVerb.FORGET, "has an owner") if part.orphan_since else None
    if part.pool_id in owners.pool_ids:
        helps = f"pool-create --pool {part.pool} uses it, pool-cleanup removes it"
        return Orphan(part, OrphanVerb.REPORT, f"its worker is gone, its pool is not: {helps}")
    if part.orphan_since is None:
        return Orphan(part, OrphanVerb.NOTE, "belongs to nobody; removed if the next run agrees")
    since = f"belongs to nobody since {part.orphan_since:%F %R} UTC"
    is_early = now - part.orphan_since < FEWEST_BETWEEN
    return Orphan(part, OrphanVerb.WAIT if is_early else OrphanVerb.REMOVE, since)


def _doubt(part: Leftover, owners: _Owners) -> str:
    """Why nobody can tell for sure whose a resource is, "" if everybody can."""
    if not part.pool or not part.pool_id or (not part.worker and not is_of_the_pool(part)):
        return "its tags are damaged: correct or delete it by hand"
    if part.worker in owners.unreadable or any(
        name.startswith(f"{part.pool}-") for name in owners.unreadable
    ):
        return "a VM of its pool has no readable tags"
    if part.pool in owners.pools and part.pool_id not in owners.pool_ids:
        return "another pool has the same name"
    return ""


def is_of_the_pool(part: Leftover) -> bool:
    """Whether a resource belongs to a whole pool, not to one worker."""
    return part.type.lower().rpartition("/")[2] in OF_THE_POOL


def _is_owned(part: Leftover, owners: _Owners) -> bool:
    if not part.worker:
        return part.pool_id in owners.pool_ids
    owner = owners.by_name.get(part.worker)
    return owner is not None and owner.tags is not None and owner.tags.pool_id == part.pool_id
