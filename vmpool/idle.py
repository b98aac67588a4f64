"""Pure: what becomes of pools that lie paused. Warned of from the 7th day, deleted after the 14th.

Every moment is kept on the pool itself, and whatever was said before the pool was last paused does
not count: a resume in between begins anew. Refuses to delete what was not warned of a day before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vmpool.lifetime import paused_since
from vmpool.model import Observed
from vmpool.settings import Settings

DAY = timedelta(days=1)
"""Between two warnings, and between the last one and the deletion."""


@dataclass(frozen=True)
class IdleRules:
    """After how long what happens.

    Attributes:
        warn_days: days paused from which on a pool is warned of, daily.
        delete_days: days paused after which it is deleted.
    """

    warn_days: float = 7.0
    delete_days: float = 14.0

    @classmethod
    def of(cls, settings: Settings) -> IdleRules:
        """As the settings say."""
        return cls(settings.idle_warn_days, settings.idle_delete_days)


class IdleVerb(StrEnum):
    """What is done about a pool."""

    LEAVE = "leave"
    WARN = "warn"
    WARN_OF_DELETION = "warn-of-deletion"
    DELETE = "delete"


@dataclass(frozen=True)
class Idle:
    """How long a pool has been lying there, and what follows.

    Attributes:
        pool: pool name.
        verb: what is done.
        since: since when all of it is paused, None if it is not.
        days: for how long.
        delete_at: when it is deleted at the earliest, None if never.
        reason: why, for people.
    """

    pool: str
    verb: IdleVerb
    since: datetime | None
    days: float
    delete_at: datetime | None
    reason: str


def judge(observed: Observed, now: datetime, rules: IdleRules) -> Idle:
    """What is to be done about a pool.

    Args:
        observed: the pool.
        now: cloud time.
        rules: after how long what happens.
    """
    since = paused_since(observed)
    if since is None or any(worker.tags is None for worker in observed.workers):
        return Idle(observed.pool, IdleVerb.LEAVE, None, 0.0, None, "is not paused as a whole")
    days = (now - since) / DAY
    if is_kept(observed):
        return Idle(observed.pool, IdleVerb.LEAVE, since, days, None, "is kept on purpose")
    verb, delete_at = _verb(observed, since, now, rules)
    reason = f"paused for {days:.1f} days"
    return Idle(observed.pool, verb, since, days, delete_at, reason)


def is_kept(observed: Observed) -> bool:
    """Whether somebody asked to keep the pool; a worker that was added later does not change it."""
    return any(worker.tags.guards.is_kept for worker in observed.workers if worker.tags)


def _verb(
    observed: Observed, since: datetime, now: datetime, rules: IdleRules
) -> tuple[IdleVerb, datetime]:
    planned = since + timedelta(days=rules.delete_days)
    announced = _latest(observed, since, is_deletion=True)
    delete_at = max(planned, (announced or max(now, planned - DAY)) + DAY)
    if announced and now >= delete_at:
        return IdleVerb.DELETE, delete_at
    if announced is None and now >= planned - DAY:
        return IdleVerb.WARN_OF_DELETION, delete_at
    warned = _latest(observed, since, is_deletion=False)
    first = since + timedelta(days=rules.warn_days)
    if announced or now < first or (warned and _day(warned, first) >= _day(now, first)):
        return IdleVerb.LEAVE, delete_at
    return IdleVerb.WARN, delete_at


def _day(moment: datetime, first: datetime) -> int:
    """Which day of warnings a moment is in; counted from the first so that days do not drift."""
    return (moment - first) // DAY


def _latest(observed: Observed, since: datetime, *, is_deletion: bool) -> datetime | None:
    """When a warning was last given that still counts."""
    guards = [worker.tags.guards for worker in observed.workers if worker.tags]
    told = [g.deletion_warned_at if is_deletion else g.idle_warned_at for g in guards]
    return max((moment for moment in told if moment and moment >= since), default=None)


def warnings(observed: Observed, now: datetime, rules: IdleRules) -> list[str]:
    """What `pool-status` says of a pool that lies idle."""
    idle = judge(observed, now, rules)
    if idle.since is None or idle.delete_at is None or idle.days < rules.warn_days:
        return []
    return [
        (
            f"paused for {int(idle.days)} days, deleted after {idle.delete_at:%F %R} UTC: "
            f"oa-vm pool-keep --pool {idle.pool} keeps it, "
            f"oa-vm pool-cleanup --pool {idle.pool} ends it now"
        )
    ]
