"""Calls that change something are waited for, however and however often their run is ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from tasks.session import Session
from tasks.uncut import call_uncut, call_uncut_in

NOTHING = cast("Any", None)
"""What a call that is given does not need."""


class Change:
    """A blocking call that ends when it may."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.has_ended = False

    def __call__(self) -> None:
        self.has_begun.set()
        self.may_end.wait(10)
        self.has_ended = True


@pytest.fixture
async def change() -> AsyncIterator[Change]:
    made = Change()
    yield made
    made.may_end.set()


async def end_of(changing: asyncio.Task[None], change: Change) -> None:
    """Still waits now, and is cancelled once the change has ended."""
    await asyncio.sleep(0.05)
    assert not changing.done()
    change.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await changing
    assert change.has_ended


async def test_a_change_on_its_way_is_waited_for_when_every_task_is_cancelled(
    change: Change,
) -> None:
    """As asyncio does it at SIGTERM, see Prefect's TerminationSignal."""
    session = Session(NOTHING, NOTHING, "pool", NOTHING)
    changing = asyncio.create_task(session.commit(change))
    await asyncio.to_thread(change.has_begun.wait)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await end_of(changing, change)


async def test_a_change_on_its_way_is_waited_for_when_it_is_cancelled_twice(change: Change) -> None:
    changing = asyncio.create_task(call_uncut(change))
    await asyncio.to_thread(change.has_begun.wait)
    changing.cancel()
    await asyncio.sleep(0.05)
    changing.cancel()
    await end_of(changing, change)


async def test_a_call_that_can_be_stopped_is_stopped_when_it_is_cancelled(change: Change) -> None:
    changing = asyncio.create_task(call_uncut_in(None, change, stop=change.may_end.set))
    await asyncio.to_thread(change.has_begun.wait)
    changing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await changing
    assert change.has_ended
