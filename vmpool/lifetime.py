"""Pure: when a pool is to be paused, reckoned on the cloud's clock. Nothing here acts."""

from __future__ import annotations

from datetime import datetime, timedelta

from vmpool.errors import UsageError
from vmpool.model import Observed, PowerState, Worker
from vmpool.settings import MAX_HOURS


def deadline(now: datetime, hours: float) -> datetime:
    """When a pool created or resumed `now` is due to be paused."""
    return now + timedelta(hours=hours)


def auto_pause_at(observed: Observed) -> datetime | None:
    """The pool's deadline: the latest of its workers', None if no timer is armed.

    The latest, because extending writes worker by worker: a half-written extension must not
    pause the pool that somebody just asked to keep.
    """
    moments = [w.tags.auto_pause_at for w in observed.workers if w.tags and w.tags.auto_pause_at]
    return max(moments, default=None)


def extended(observed: Observed, now: datetime, hours: float) -> datetime:
    """The new deadline: `hours` after the old one, or after now if that has passed.

    Raises:
        UsageError: the hours are not positive, or nothing runs whose pause could be put off.
    """
    if not 0 < hours <= MAX_HOURS:
        raise UsageError(f"--hours {hours:g} is not above 0 and at most {MAX_HOURS}")
    if not any(_is_costing(worker) for worker in observed.workers):
        raise UsageError(
            f"pool {observed.pool} does not run: oa-vm pool-resume --pool {observed.pool} "
            f"--auto-pause-hours {hours:g}"
        )
    return max(auto_pause_at(observed) or now, now) + timedelta(hours=hours)


def is_due(observed: Observed, now: datetime) -> bool:
    """Whether the pool shall be paused now.

    A billed worker without any timer is due as well: nobody asked to keep it, and a forgotten VM
    is what this project exists to prevent.
    """
    billed = [worker for worker in observed.workers if _is_costing(worker)]
    if not billed:
        return False
    moment = auto_pause_at(observed)
    return moment is None or moment <= now


def _is_costing(worker: Worker) -> bool:
    return worker.power_state.is_billed or worker.power_state is PowerState.CREATING


def paused_since(observed: Observed) -> datetime | None:
    """When the pool was paused, if all of it is; from the tags of its last pause."""
    if not observed.workers:
        return None
    if any(worker.power_state is not PowerState.DEALLOCATED for worker in observed.workers):
        return None
    moments = [worker.tags.intent_at for worker in observed.workers if worker.tags]
    return max(moments, default=None)
