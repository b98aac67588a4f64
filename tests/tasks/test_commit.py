"""Calls by which Azure changes something are waited for, however their run ends."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import pytest

from tasks.session import Session

NOTHING = cast("Any", None)
"""What a call that is given does not need."""


async def test_a_change_on_its_way_is_waited_for_when_every_task_is_cancelled() -> None:
    """As asyncio does it at SIGTERM, see Prefect's TerminationSignal."""
    session = Session(NOTHING, NOTHING, "pool", NOTHING)
    has_begun, may_end, ended = threading.Event(), threading.Event(), []

    def change() -> None:
        has_begun.set()
        may_end.wait(10)
        ended.append(True)

    changing = asyncio.create_task(session.commit(change))
    await asyncio.to_thread(has_begun.wait)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0.05)
    assert not changing.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await changing
    assert ended
