"""Pure: when a running pool is to be paused, reckoned on the cloud's clock. Nothing here acts.

The deadline is what somebody asked for. A lease (somebody works on the pool) lets it wait, up to
the lease's end; Azure's own timer comes a little later than both, so that it acts only when nothing
of ours does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from vmpool.errors import UsageError
from vmpool.guards import Lease
from vmpool.model import Observed, PowerState, Worker
from vmpool.settings import MAX_HOURS

WARN_BEFORE = timedelta(minutes=30)
"""How long before a pause it is warned of: time to read a message and to answer it."""


def deadline(now: datetime, hours: float) -> datetime:
    """When a pool created or resumed `now` is due to be paused."""
    return now + timedelta(hours=hours)


def wished(observed: Observed) -> datetime | None:
    """The deadline that somebody asked for: the latest of the workers', None if there is none.

    The latest, because extending writes worker by worker: a half-written extension must not
    pause the pool that somebody just asked to keep. While workers are billed, theirs only: one
    that stayed deallocated when the others were resumed may bear a later one from before.
    """
    costing = [worker for worker in observed.workers if is_costing(worker)]
    asked = [w.tags for w in costing or observed.workers if w.tags]
    moments = [asked_for.auto_pause_at for asked_for in asked if asked_for.auto_pause_at]
    return max(moments, default=None)


def lease_of(observed: Observed) -> Lease | None:
    """The pool's lease: the one that reaches farthest, run out or not; None if there is none."""
    leases = [w.tags.guards.lease for w in observed.workers if w.tags and w.tags.guards.lease]
    return max(leases, key=lambda lease: lease.reaches, default=None)


def auto_pause_at(observed: Observed) -> datetime | None:
    """When the pool is paused: at its deadline, or later if a lease reaches farther."""
    lease = lease_of(observed)
    moments = [moment for moment in (wished(observed), lease and lease.reaches) if moment]
    return max(moments, default=None)


def extended(observed: Observed, now: datetime, hours: float) -> datetime:
    """The new deadline: `hours` after the old one, or after now if that has passed.

    Raises:
        UsageError: the hours are not positive, or nothing runs whose pause could be put off.
    """
    if not 0 < hours <= MAX_HOURS:
        raise UsageError(f"--hours {hours:g} is not above 0 and at most {MAX_HOURS}")
    if not any(is_costing(worker) for worker in observed.workers):
        raise UsageError(
            f"pool {observed.pool} does not run: oa-vm pool-resume --pool {observed.pool} "
            f"--auto-pause-hours {hours:g}"
        )
    return max(wished(observed) or now, now) + timedelta(hours=hours)


def is_due(observed: Observed, now: datetime) -> bool:
    """Whether the pool shall be paused now.

    A billed worker without any timer is due as well: nobody asked to keep it, and a forgotten VM
    is what this project exists to prevent.
    """
    if not any(is_costing(worker) for worker in observed.workers):
        return False
    moment = auto_pause_at(observed)
    return moment is None or moment <= now


def is_costing(worker: Worker) -> bool:
    """Whether a worker is billed, or about to be."""
    return worker.power_state.is_billed or worker.power_state is PowerState.CREATING


def pause_to_warn_of(observed: Observed, now: datetime) -> datetime | None:
    """The pause that is at most half an hour away and was not warned of yet, None if there is none.

    While somebody works on the pool the deadline itself says little: what is warned of then is the
    end of the lease, which no heartbeat moves.
    """
    coming = next_pause(observed, now)
    if coming is None or not now < coming <= now + WARN_BEFORE:
        return None
    told = {w.tags.guards.warned_of for w in observed.workers if w.tags}
    return None if coming in told else coming


def next_pause(observed: Observed, now: datetime) -> datetime | None:
    """When the pool will be paused as far as can be known, None if it does not run or has no timer.

    Of a lease that is held nobody knows how long it will be renewed: at most to its end.
    """
    if not any(is_costing(worker) for worker in observed.workers):
        return None
    lease, asked_for = lease_of(observed), wished(observed)
    if lease and lease.is_held(now):
        return max(lease.ends, asked_for) if asked_for else lease.ends
    return auto_pause_at(observed)


def armed_until(worker: Worker) -> datetime | None:
    """When Azure's own timer acts on a worker, None if none is set."""
    timer = worker.tags.guards.server if worker.tags else None
    return timer.at if timer else None


def paused_since(observed: Observed) -> datetime | None:
    """When the pool was paused, if all of it is: the end of its last deallocation."""
    if any(worker.power_state is not PowerState.DEALLOCATED for worker in observed.workers):
        return None
    return max(_known(paused_at(worker, observed.at) for worker in observed.workers), default=None)


def paused_at(worker: Worker, now: datetime) -> datetime | None:
    """When a worker's deallocation ended; None if it is not deallocated.

    If Azure doesn't tell, the latest moment that it could be: that of our last operation, or that
    of Azure's timer if that has acted since.
    """
    if worker.power_state is not PowerState.DEALLOCATED:
        return None
    if worker.changed_at or worker.tags is None:
        return worker.changed_at
    armed = armed_until(worker)
    acted = armed if armed and armed <= now else None
    return max(_known((worker.tags.intent_at, acted)))


def _known(moments: Iterable[datetime | None]) -> list[datetime]:
    return [moment for moment in moments if moment]
