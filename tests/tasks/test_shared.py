from __future__ import annotations

import asyncio

import pytest

from tasks.shared import Shared


class Counter:
    """Answers with the number of the question; takes one turn of the loop."""

    def __init__(self) -> None:
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0

    async def ask(self) -> int:
        self.asked += 1
        number = self.asked
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        return number


async def test_all_who_ask_together_share_one_answer() -> None:
    counter = Counter()
    shared = Shared(counter.ask)
    assert set(await asyncio.gather(*(shared() for _ in range(50)))) == {1}


async def test_who_comes_while_an_answer_is_under_way_gets_a_newer_one() -> None:
    counter = Counter()
    shared = Shared(counter.ask)
    first = asyncio.create_task(shared())
    await asyncio.sleep(0.005)
    late = await asyncio.gather(shared(), shared())
    assert (await first, late) == (1, [2, 2])
    assert counter.most_at_once == 1


async def test_a_failure_reaches_all_who_asked_and_the_next_asks_again() -> None:
    failures = iter([True, False])

    async def ask() -> str:
        await asyncio.sleep(0)
        if next(failures):
            raise ValueError("no")
        return "yes"

    shared = Shared(ask)
    answers = await asyncio.gather(shared(), shared(), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ValueError, ValueError]
    assert await shared() == "yes"


async def test_one_who_is_cancelled_leaves_the_others_their_answer() -> None:
    shared = Shared(Counter().ask)
    quitter, other = asyncio.create_task(shared()), asyncio.create_task(shared())
    await asyncio.sleep(0)
    quitter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await quitter
    assert await other == 1
