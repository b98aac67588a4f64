"""Pure: who may hold a pool, and until when. While a lease is held the pool's timer waits.

A lease reaches some minutes ahead and is renewed by a heartbeat; whoever dies stops renewing. Its
end is fixed when it begins, and no heartbeat moves that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from vmpool.errors import LockedError
from vmpool.guards import Lease

HEARTBEATS = 3
"""A lease is renewed so often within its length: two that fail in a row lose nothing."""


@dataclass(frozen=True)
class Length:
    """How far leases reach.

    Attributes:
        heartbeat: without another heartbeat.
        most: from their beginning, whatever the heartbeat.
    """

    heartbeat: timedelta
    most: timedelta


def taken(found: Lease | None, holder: str, now: datetime, length: Length) -> Lease:
    """A lease that begins; its own holder may take it again, from the same beginning.

    Args:
        found: what the pool's tags say.
        holder: who asks.
        now: cloud time.
        length: how far a lease reaches.

    Raises:
        LockedError: somebody else holds the pool.
    """
    _check_free(found, holder, now)
    if found and found.is_held(now):
        return Lease(holder, found.since, now + length.heartbeat, found.ends)
    return Lease(holder, now, now + length.heartbeat, now + length.most)


def renewed(found: Lease | None, held: Lease, now: datetime, length: Length) -> Lease:
    """A lease that goes on, also after heartbeats have failed for a while.

    Args:
        found: what the pool's tags say.
        held: what its holder last wrote.
        now: cloud time.
        length: how far a lease reaches.

    Raises:
        LockedError: it has ended for good, or somebody else has taken the pool meanwhile.
    """
    _check_free(found, held.holder, now)
    if now >= held.ends:
        raise LockedError(f"the lease of {held.holder} ended for good at {held.ends:%F %R} UTC")
    return Lease(held.holder, held.since, now + length.heartbeat, held.ends)


def _check_free(found: Lease | None, holder: str, now: datetime) -> None:
    if found and found.is_held(now) and found.holder != holder:
        raise LockedError(
            f"{found.holder} works on the pool until {found.reaches:%F %R} UTC or longer: "
            "wait for it, or end it"
        )
