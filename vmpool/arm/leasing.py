"""Takes, renews and gives back the lease of a pool, in the tags of its VMs.

Azure's own timers are moved with it, so that they wait as well; only when the lease comes to reach
beyond them, and then by another length at once: a heartbeat is otherwise three lists and the tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from vmpool import deadlines, leases, lifetime, tags
from vmpool.arm import server_guard
from vmpool.arm.clients import Cloud
from vmpool.arm.observing import list_workers
from vmpool.arm.rest import at_once
from vmpool.arm.tagging import merge_tags, remove_tags
from vmpool.errors import LockedError, NotFoundError
from vmpool.guards import Lease
from vmpool.leases import Length
from vmpool.model import Observed, Worker

LEASE_TAGS = (tags.LEASE_HOLDER, tags.LEASE_SINCE, tags.LEASE_UNTIL, tags.LEASE_ENDS)


def take(cloud: Cloud, pool: str, holder: str, renewed: Lease | None = None) -> Lease:
    """Take the pool's lease, or renew it.

    Two who take it at the same moment both write; who then reads the other's name has lost.

    Args:
        cloud: connection.
        pool: pool name.
        holder: who, for people.
        renewed: the lease that is renewed, None if it begins.

    Returns:
        The lease as written.

    Raises:
        LockedError: somebody else holds it, or it has ended for good.
        NotFoundError: the pool has no workers.
        VmPoolError: Azure refused or could not be asked; some tags may have been written.
    """
    observed = _observed(cloud, pool)
    if not _ours(observed):
        raise NotFoundError(f"pool {pool} has no workers that could be held")
    found, now = lifetime.lease_of(observed), cloud.clock.now()
    length = Length(
        timedelta(minutes=cloud.settings.lease_minutes),
        timedelta(hours=cloud.settings.lease_max_hours),
    )
    if renewed:
        lease = leases.renewed(found, renewed, now, length)
    else:
        lease = leases.taken(found, holder, now, length)
    written = tags.encode_lease(lease)
    at_once([partial(merge_tags, cloud, w.resource_id, written) for w in _ours(observed)])
    _move_timers(cloud, observed, lease, length.heartbeat)
    if found is None or found.holder != holder:
        _check_winner(cloud, pool, holder)
    return lease


def _check_winner(cloud: Cloud, pool: str, holder: str) -> None:
    found = lifetime.lease_of(_observed(cloud, pool))
    if found and found.holder != holder:
        raise LockedError(f"{found.holder} took pool {pool} at the same moment")


def release(cloud: Cloud, pool: str, holder: str) -> None:
    """Give the pool's lease back; one that somebody else has taken meanwhile stays.

    Raises:
        VmPoolError: Azure refused or could not be asked; the lease runs out by itself.
    """
    held = [w for w in _ours(_observed(cloud, pool)) if _holder(w) == holder]
    at_once([partial(remove_tags, cloud, w.resource_id, LEASE_TAGS) for w in held])


def _holder(worker: Worker) -> str | None:
    lease = worker.tags.guards.lease if worker.tags else None
    return lease.holder if lease else None


def _observed(cloud: Cloud, pool: str) -> Observed:
    workers = list_workers(cloud, pool)
    return Observed(pool, cloud.clock.now(), workers)


def _ours(observed: Observed) -> Sequence[Worker]:
    return [worker for worker in observed.workers if worker.tags]


def _move_timers(cloud: Cloud, observed: Observed, lease: Lease, length: timedelta) -> None:
    """Have Azure's own timers wait for the lease too; a failure is logged, not raised."""
    grace = timedelta(minutes=cloud.settings.server_grace_minutes)
    least = deadlines.server_deadline(lease.reaches, grace)
    late = [w for w in _ours(observed) if lifetime.is_costing(w) and _acts_before(w, least)]
    if not late:
        return
    wished = lifetime.wished(observed) or lease.reaches
    at = deadlines.server_deadline(max(wished, min(lease.until + length, lease.ends)), grace)
    owner = next(w.tags for w in late if w.tags)
    regions = {worker.name: worker.place.region for worker in late}
    server_guard.arm(cloud, regions, at, tags.part_tags(owner.pool, owner.pool_id))


def _acts_before(worker: Worker, moment: datetime) -> bool:
    """Whether Azure's own timer acts too early; where there is none, none is set here."""
    at = lifetime.armed_until(worker)
    return at is not None and at < moment
