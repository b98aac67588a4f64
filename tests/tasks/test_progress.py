"""The progress artifact is kept beside an operation, and never in its way."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from tasks.progress import Progress, kept
from vmpool.forecast import Live

NOTHING = cast("Any", None)  # no phase begins, so neither is looked at


@pytest.mark.parametrize("ticks", range(12))
async def test_a_cancellation_is_not_lost_whenever_it_comes(ticks: int) -> None:
    over = asyncio.Event()

    async def operation() -> None:
        async with kept(Progress("pool-resume", NOTHING, Live(), NOTHING)):
            await over.wait()

    running = asyncio.create_task(operation())
    await asyncio.sleep(0.01)
    over.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    is_asked_for = running.cancel()
    await asyncio.wait([running])
    assert running.cancelled() == is_asked_for
