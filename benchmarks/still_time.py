"""Lets the product sleep on a cloud clock that stands still: time passes when all of it sleeps.

The product waits between polls. Here a wait takes no wall time: once whoever is at work has come
to a wait, the local Azure's clock is advanced to the first that is over. So a history of weeks
takes a second, and what it costs does not hang on how busy the machine is. For one pool at a time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio

from vmpool.arm.clients import Cloud
from vmpool.arm.operations import Operation
from vmpool.clock import CloudClock

POLLERS = "LROPoller"
"""How azure-core names the threads that poll operations."""
LONGEST_NAP_SECONDS = 0.1
"""Shorter sleeps look whether a thread has ended; they take no time of the cloud's."""
CHECK_WALL_SECONDS = 0.0005
OVER_WALL_SECONDS = 0.01
CALM_TURNS = 12
"""Turns of the event loop in which nothing happens: whoever was woken has gone on by then."""


@dataclass(frozen=True)
class _Sleeper:
    """Who sleeps: until when (0 for a nap, which ends with a poller), and how to wake it."""

    due: float
    wake: Callable[[], None]
    is_poller: bool = False
    pollers: int = 0


class StillTime:
    """Who sleeps and who is at work.

    Args:
        advance: lets so many cloud seconds pass at once.
    """

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._advance = advance
        self._lock = threading.Lock()
        self._sleepers: list[_Sleeper] = []
        self._skipped = 0.0
        self._at_work = 0
        self._is_over = False

    def monotonic(self) -> float:
        """Seconds that were skipped; those that pass on the wall don't count."""
        return self._skipped

    def skip(self, seconds: float) -> None:
        """Let cloud seconds pass at once."""
        self._advance(seconds)
        self._skipped += seconds

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """A call that time waits for."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def slow_down(self, cloud: Cloud, ahead_seconds: float) -> None:
        """Have a connection sleep here; before its first request.

        Args:
            cloud: the connection.
            ahead_seconds: by how much its clock is ahead of the cloud's.
        """
        cloud.transport.sleep = self._sleep  # type: ignore[method-assign]
        cloud.clock = _Ahead(cloud.speed, self.monotonic)
        cloud.clock.ahead = timedelta(seconds=ahead_seconds)

    @asynccontextmanager
    async def ruling(self) -> AsyncIterator[None]:
        """While this is entered, nobody sleeps but here."""
        sleep, wait = anyio.sleep, Operation.wait

        def patient(operation: Operation, timeout_seconds: float) -> None:
            self._count(-1)
            try:
                wait(operation, timeout_seconds)
            finally:
                self._count(1)

        anyio.sleep = self._sleep_async
        Operation.wait = patient  # type: ignore[method-assign]
        conductor = asyncio.ensure_future(self._conduct())
        try:
            yield
        finally:
            conductor.cancel()
            with suppress(asyncio.CancelledError):
                await conductor
            anyio.sleep, Operation.wait = sleep, wait  # type: ignore[method-assign]
            self._is_over = True  # pollers of processes that died poll to their end
            self._wake(self._sleepers)

    def _sleep(self, seconds: float) -> None:
        """For threads: pollers, and calls that are tried again."""
        if self._is_over:
            time.sleep(OVER_WALL_SECONDS)
            return
        woken = threading.Event()
        is_poller = threading.current_thread().name.startswith(POLLERS)
        if not is_poller:
            self._count(-1)
        self._add(_Sleeper(self._skipped + seconds, woken.set, is_poller))
        woken.wait()
        if not is_poller:
            self._count(1)

    async def _sleep_async(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        due = 0.0 if seconds < LONGEST_NAP_SECONDS else self._skipped + seconds
        sleeper = _Sleeper(due, lambda: loop.call_soon_threadsafe(wake), pollers=_pollers())
        self._add(sleeper)
        try:
            await woken
        finally:
            with self._lock, suppress(ValueError):
                self._sleepers.remove(sleeper)

    async def _conduct(self) -> None:
        while True:
            await asyncio.sleep(CHECK_WALL_SECONDS)
            if await self._is_calm():
                await asyncio.to_thread(self._go_on)

    async def _is_calm(self) -> bool:
        for _ in range(CALM_TURNS):
            with self._lock:
                asleep = sum(sleeper.is_poller for sleeper in self._sleepers)
                if self._at_work > 0 or not self._sleepers or asleep != _pollers():
                    return False
            await asyncio.sleep(0)
        return True

    def _go_on(self) -> None:
        with self._lock:
            naps = [sleeper for sleeper in self._sleepers if not sleeper.due]
            dues = [sleeper.due for sleeper in self._sleepers if sleeper.due]
        if any(_pollers() < nap.pollers for nap in naps) or not dues:
            self._wake(naps)
            return
        self.skip(max(min(dues) - self._skipped, 0.0))
        with self._lock:
            over = [item for item in self._sleepers if item.due and item.due <= self._skipped]
        self._wake(over)

    def _wake(self, sleepers: list[_Sleeper]) -> None:
        with self._lock:
            self._sleepers = [item for item in self._sleepers if item not in sleepers]
        for sleeper in sleepers:
            sleeper.wake()

    def _add(self, sleeper: _Sleeper) -> None:
        with self._lock:
            self._sleepers.append(sleeper)

    def _count(self, change: int) -> None:
        with self._lock:
            self._at_work += change


class _Ahead(CloudClock):
    """A clock that is ahead of what it was told."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


def _pollers() -> int:
    return sum(thread.name.startswith(POLLERS) for thread in threading.enumerate())
