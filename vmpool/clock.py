"""The cloud's clock as seen from here: timers, ages and costs are reckoned on it, never on ours.

Azure tells its time in the `Date` header of every answer. The local Azure's clock runs `speed`
times as fast as the wall. This module turns both into one `now()`, and cloud seconds into the wall
seconds that a wait really takes. It is passed in, never fetched from a global.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class CloudClock:
    """Cloud time, anchored to what the cloud last said.

    Args:
        speed: cloud seconds per wall second; 1 on Azure.
        monotonic: source of wall seconds; tests pass their own.
        start: cloud time before the cloud has said anything.
    """

    def __init__(
        self,
        speed: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        start: datetime | None = None,
    ) -> None:
        self.speed = speed
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._anchor = start or datetime.now(UTC)
        self._anchored_at = monotonic()
        self._has_been_told = False

    def now(self) -> datetime:
        """Cloud time, UTC."""
        elapsed = (self._monotonic() - self._anchored_at) * self.speed
        return self._anchor + timedelta(seconds=elapsed)

    def observe(self, told: datetime) -> None:
        """Take over the cloud's word when ours is behind it, or far ahead.

        A `Date` has whole seconds, rounded down, and was true a round trip ago: so it is at least
        as late as it says, and we are never behind it. Small differences the other way are noise;
        following them would make spans jitter.

        Args:
            told: the `Date` of an answer.
        """
        tolerance = timedelta(seconds=2.0 + 0.5 * self.speed)
        with self._lock:
            if self._has_been_told and timedelta() <= self.now() - told <= tolerance:
                return
            self._anchor, self._anchored_at = told, self._monotonic()
            self._has_been_told = True

    def wall_seconds(self, cloud_seconds: float) -> float:
        """How long `cloud_seconds` take on the wall."""
        return cloud_seconds / self.speed
