"""Turns at a managed image: Azure brings up 20 VMs from one at a time, more may time out.

Whoever waits for a turn has created nothing yet, so nothing bills and no phase's time runs. Workers
of bare Ubuntu and of galleries don't wait. Counts one operation's workers: what another operation
makes from the same image at the same time is not known here.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from vmpool.golden import Image, ImageKind

MOST_AT_ONCE = 20
"""VMs created from one managed image at a time: Azure's page on capturing VMs."""


class Turn:
    """One worker's turn; given back once.

    Args:
        places: where the turn counts, None where nothing is limited.
    """

    def __init__(self, places: asyncio.Semaphore | None) -> None:
        self._places = places

    async def until_done(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do what the turn is for, then let the next one in."""
        try:
            await work()
        finally:
            self.give_back()

    def give_back(self) -> None:
        """Let the next one in."""
        if self._places:
            self._places.release()
            self._places = None


class Turns:
    """The turns at every image of one operation."""

    def __init__(self) -> None:
        self._places: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(MOST_AT_ONCE)
        )

    @asynccontextmanager
    async def taken(self, image: Image | None) -> AsyncIterator[Turn]:
        """Wait for a turn; at the latest the block's end gives it back.

        Args:
            image: what a VM is made from, None for bare Ubuntu.
        """
        is_limited = image is not None and image.kind is ImageKind.MANAGED
        places = self._places[image.resource_id] if image and is_limited else None
        if places:
            await places.acquire()
        turn = Turn(places)
        try:
            yield turn
        finally:
            turn.give_back()
