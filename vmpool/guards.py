"""What keeps a running pool from being forgotten, as frozen types: leases, timers on the server.

Only what a worker's tags remember of them; `vmpool.lifetime` and `vmpool.idle` decide by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TimerKind(StrEnum):
    """Who deallocates a VM at its deadline when nothing of ours runs."""

    COMPUTE_SCHEDULE = "computeschedule"
    """Microsoft.ComputeSchedule: once, at an exact moment."""
    DEV_TEST_LAB = "devtestlab"
    """Microsoft.DevTestLab/schedules: every day at a time of day, until it is deleted."""
    OFF = "off"
    """Nobody, because the settings say so."""
    NONE = "none"
    """Nobody, because Azure refused."""


@dataclass(frozen=True)
class ServerTimer:
    """The timer that Azure itself holds for one VM.

    Attributes:
        kind: who acts.
        at: when (cloud time), None if nobody does.
        ids: operation ids of Microsoft.ComputeSchedule: the one that counts, then earlier ones
            that may still be waiting.
        reason: why there is none, Azure's code.
    """

    kind: TimerKind
    at: datetime | None = None
    ids: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Lease:
    """Somebody works on the pool: the timer waits.

    Attributes:
        holder: who, for people.
        since: when it began (cloud time).
        until: until when the holder answers for it; moved on by its heartbeat.
        ends: when it ends for good, whatever the heartbeat says.
    """

    holder: str
    since: datetime
    until: datetime
    ends: datetime

    @property
    def reaches(self) -> datetime:
        """Until when the pool is kept running if the holder is not heard of again."""
        return min(self.until, self.ends)

    def is_held(self, now: datetime) -> bool:
        """Whether the holder still answers for it."""
        return now < self.reaches


@dataclass(frozen=True)
class Guards:
    """What a worker's tags say of leases, timers and warnings.

    Attributes:
        lease: who works on the pool, None if nobody does.
        server: the timer that Azure holds, None if none was ever asked for.
        warned_of: the pause that was last warned of.
        idle_warned_at: when it was last said that the pool lies idle.
        deletion_warned_at: when it was last said that the pool will be deleted.
        is_kept: whether the pool is never deleted for being idle.
    """

    lease: Lease | None = None
    server: ServerTimer | None = None
    warned_of: datetime | None = None
    idle_warned_at: datetime | None = None
    deletion_warned_at: datetime | None = None
    is_kept: bool = False
