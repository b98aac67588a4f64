"""The cloud's clock: runs `speed` times as fast as the wall, can be advanced, never goes back.

It stands still while the server is down. `now()` never shows a time that is not already covered on
disk, so that a server killed at any moment goes on after whatever it last showed to anybody; a
heartbeat keeps time that nobody looked at from being lost. Waiting is event driven: one wall timer
for the next due event, none when nothing is due.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

LEASE_WALL_SECONDS = 1.0
"""How far ahead of now the disk is written; a killed server's clock skips at most this."""
HEARTBEAT_WALL_SECONDS = 10.0
"""How much unobserved time a kill can lose."""
SETTLE_ROUNDS = 5
"""Turns given to tasks between two events of one `advance`, so that they see each other."""


@dataclass(order=True)
class Timer:
    """One callback at one cloud time; `cancel()` drops it."""

    due: float
    number: int
    callback: Callable[[float], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Never call it."""
        self.callback = None


class CloudClock:
    """Cloud time in seconds since the epoch.

    Args:
        file: where the time is kept between runs.
        speed: cloud seconds per wall second.
        start: cloud time of a cloud that is new; the wall's when None.
    """

    def __init__(self, file: Path, speed: float, start: float | None = None) -> None:
        self._file = file
        self._speed = speed
        kept = json.loads(file.read_text()) if file.exists() else {}
        self._base = float(kept.get("covered", time.time() if start is None else start))
        self.skipped = float(kept.get("skipped", 0.0))
        self._mark = time.monotonic()
        self._covered = 0.0
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._wakeup: asyncio.TimerHandle | None = None
        self._heartbeat: asyncio.TimerHandle | None = None
        self._frozen_at: float | None = None
        self._is_held = False

    @property
    def speed(self) -> float:
        """Cloud seconds per wall second."""
        return self._speed

    def now(self) -> float:
        """Cloud time in seconds since the epoch."""
        if self._frozen_at is not None:
            return self._frozen_at
        moment = self._base
        if not self._is_held:
            moment += (time.monotonic() - self._mark) * self._speed
        if moment > self._covered:
            self._cover(moment + LEASE_WALL_SECONDS * self._speed)
        return moment

    def call_at(self, due: float, callback: Callable[[float], None]) -> Timer:
        """Call `callback(due)` when the clock shows `due` or later."""
        timer = Timer(due, next(self._numbers), callback)
        heapq.heappush(self._timers, timer)
        if self._timers[0] is timer:
            self._arm()
        return timer

    async def sleep_until(self, cloud_time: float) -> None:
        """Wait until the clock shows `cloud_time`, also when it is advanced by hand."""
        if cloud_time <= self.now():
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake(_due: float) -> None:
            if not woken.done():
                woken.set_result(None)

        timer = self.call_at(cloud_time, wake)
        try:
            await woken
        finally:
            timer.cancel()

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once; what becomes due on the way happens in its order."""
        goal = self.now() + seconds
        self.skipped += seconds
        while (due := self.next_due()) is not None and due <= goal:
            self._jump(max(due, self.now()))
            self._run_due()
            for _ in range(SETTLE_ROUNDS):
                await asyncio.sleep(0)
        self._jump(max(goal, self.now()))
        self._arm()

    def hold(self) -> None:
        """Stand still until the process ends; only `advance` moves it."""
        self._jump(self.now())
        self._is_held = True
        self._arm()

    def next_due(self) -> float | None:
        """When something next happens; None while nothing waits for the clock."""
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0].due if self._timers else None

    def start(self) -> None:
        """Begin to keep the time on disk; needs a running loop."""
        self._beat()

    def stop(self) -> None:
        """Stop the clock and keep exactly what it shows."""
        self._frozen_at = self.now()
        for handle in (self._wakeup, self._heartbeat):
            if handle:
                handle.cancel()
        self._write(self._frozen_at)

    def _beat(self) -> None:
        self.now()
        loop = asyncio.get_running_loop()
        self._heartbeat = loop.call_later(HEARTBEAT_WALL_SECONDS, self._beat)

    def _jump(self, moment: float) -> None:
        self._base, self._mark = moment, time.monotonic()
        self._cover(moment + LEASE_WALL_SECONDS * self._speed)

    def _cover(self, moment: float) -> None:
        self._covered = moment
        self._write(moment)

    def _write(self, moment: float) -> None:
        scratch = self._file.with_suffix(".new")
        scratch.write_text(json.dumps({"covered": moment, "skipped": self.skipped}))
        scratch.replace(self._file)

    def _arm(self) -> None:
        if self._wakeup:
            self._wakeup.cancel()
            self._wakeup = None
        due = self.next_due()
        if due is None or self._frozen_at is not None:
            return
        if due <= self.now() or not self._is_held:
            wall = max(0.0, (due - self.now()) / self._speed)
            self._wakeup = asyncio.get_running_loop().call_later(wall, self._on_wakeup)

    def _on_wakeup(self) -> None:
        self._wakeup = None
        self._run_due()
        self._arm()

    def _run_due(self) -> None:
        while (due := self.next_due()) is not None and due <= self.now():
            callback = heapq.heappop(self._timers).callback
            if callback:
                callback(due)
