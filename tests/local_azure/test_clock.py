"""The cloud's clock by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

from local_azure.clock import CloudClock

SPEED = 1e9
"""A turn of the event loop is hours."""


async def test_a_held_clock_moves_only_by_being_advanced(tmp_path: Path) -> None:
    clock = CloudClock(tmp_path / "clock.json", SPEED)
    rung: list[float] = []
    clock.hold()
    before = clock.now()
    clock.call_at(before + 60, rung.append)
    for _ in range(5):
        await asyncio.sleep(0)
    assert (clock.now(), rung) == (before, [])
    await clock.advance(60)
    assert (clock.now(), rung) == (before + 60, [before + 60])
    clock.stop()
