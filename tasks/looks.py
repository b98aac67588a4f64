"""Looks at guests on which something went wrong: each beside everything else, bounded, once.

Knows nothing of what is looked at; see `tasks.evidence`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Look:
    """One look at one guest.

    Attributes:
        is_failure: whether a phase failed there; else it took too long.
        task: collects and publishes.
        has_seen: set once the guest is no longer needed.
    """

    is_failure: bool
    task: asyncio.Task[None]
    has_seen: asyncio.Event


@dataclass
class Looks:
    """The looks of one operation.

    Attributes:
        shown: workers of which something was published.
    """

    shown: set[str] = field(default_factory=set)
    _looks: dict[str, Look] = field(default_factory=dict)

    def begin(
        self, worker: str, work: Callable[[asyncio.Event], Awaitable[None]], *, is_failure: bool
    ) -> None:
        """Look once for a phase that took too long and once for one that failed, no more.

        Args:
            worker: whose guest.
            work: does it, and sets the event once the guest is no longer needed.
            is_failure: whether a phase failed: that is worth more than a look under way.
        """
        before = self._looks.get(worker)
        if before and (before.is_failure or not is_failure):
            return
        if before:
            before.task.cancel()
        has_seen = asyncio.Event()

        async def run() -> None:
            try:
                await work(has_seen)
            finally:
                has_seen.set()

        self._looks[worker] = Look(is_failure, asyncio.create_task(run()), has_seen)

    async def seen(self, worker: str) -> None:
        """Wait until a worker's guest is no longer needed."""
        if look := self._looks.get(worker):
            await look.has_seen.wait()

    async def finish(self, wall_seconds: float) -> None:
        """Wait for all looks, but not for long; what is late is given up."""
        pending = [look.task for look in self._looks.values() if not look.task.done()]
        if pending:
            await asyncio.wait(pending, timeout=wall_seconds)
        for task in pending:
            task.cancel()
