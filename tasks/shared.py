"""One question to Azure for everybody who has it at the same time.

Sixty-four workers that each list all resources ask for 64 x 64 of them. Here whoever asks while an
answer is under way joins the next one: that one begins after the asking, so it is never stale.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """A question that is under way at most once.

    Args:
        ask: asks; called again for whoever came too late for the answer under way.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """An answer to a question that was asked after this call."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
        return await asyncio.shield(self._next)  # one who is cancelled leaves the others theirs

    async def _after(self, before: asyncio.Task[T] | None) -> T:
        if before:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        return await self._ask()
