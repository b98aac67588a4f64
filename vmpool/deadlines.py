"""Pure: when Azure itself shall deallocate what runs, and which workers lack such a timer.

It acts when nothing of ours does, and it just cuts the power: so it comes after auto-pause has had
its time, and what it took down is not known to have been powered off in order.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from vmpool.guards import TimerKind
from vmpool.lifetime import armed_until, is_costing
from vmpool.model import Intent, Observed, Worker

TOO_FAR = "MoreThanADayAhead"
"""Why there is no daily timer: our own reason, beside Azure's codes."""
NEAR = timedelta(hours=22)
"""A daily timer can be set for a deadline that is no farther, with its grace."""
SETTLED_AFTER = timedelta(minutes=20)
"""No create or start takes longer; whoever should have set a timer was killed."""
MISSED_AFTER = timedelta(minutes=10)
"""A deallocation takes under a minute; Azure may begin a timer's some minutes late."""


def server_deadline(pause_at: datetime, grace: timedelta) -> datetime:
    """When Azure's own timer shall act for a pool that is due at `pause_at`: whole minutes, later.

    Later, because Azure just cuts the power. At the same moment it would come before auto-pause,
    and Windows would have to be installed anew after every pause.
    """
    at = pause_at + grace
    rest = timedelta(seconds=at.second, microseconds=at.microsecond)
    return at + (timedelta(minutes=1) - rest if rest else timedelta())


def server_deadline_at(observed: Observed) -> datetime | None:
    """When Azure itself has deallocated every worker that runs, None if some have no timer."""
    running = [worker for worker in observed.workers if is_costing(worker)]
    moments = [armed_until(worker) for worker in running]
    known = [moment for moment in moments if moment and moment > observed.at]
    return max(known) if known and len(known) == len(running) else None


def unguarded(observed: Observed) -> tuple[tuple[Worker, str], ...]:
    """Workers that are billed and that Azure itself would never deallocate, and why.

    Where the settings say that no such timer is wanted there is nothing to say.
    """
    running = [worker for worker in observed.workers if is_costing(worker)]
    reasons = [(worker, _lack(worker, observed.at)) for worker in running]
    return tuple((worker, reason) for worker, reason in reasons if reason)


def _lack(worker: Worker, now: datetime) -> str:
    """Why a worker has no timer that will act, "" if it has one or needs none."""
    timer = worker.tags.guards.server if worker.tags else None
    if worker.tags is None or (timer and timer.kind is TimerKind.OFF):
        return ""
    if timer and timer.at:
        return "it has passed" if timer.at <= now - MISSED_AFTER else ""
    if timer and timer.reason:
        return timer.reason
    return "" if is_settling(worker, now) else "none was set"


def needs_timer(worker: Worker, now: datetime) -> bool:
    """Whether Azure shall be asked for a timer that a worker should have had.

    What Azure refused is not asked for again, except that it was too early for it.
    """
    if worker.tags is None or not is_costing(worker) or is_settling(worker, now):
        return False
    timer, asked_for = worker.tags.guards.server, worker.tags.auto_pause_at
    if timer is None:
        return True
    is_near = asked_for is not None and asked_for - now < NEAR
    return timer.at is None and TOO_FAR in timer.reason and is_near


def is_settling(worker: Worker, now: datetime) -> bool:
    """Whether an operation that brings the worker up may still be about to set its timer."""
    tags = worker.tags
    if tags is None or tags.intent not in (Intent.CREATE, Intent.RESUME):
        return False
    return now - tags.intent_at < SETTLED_AFTER
