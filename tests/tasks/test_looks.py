from __future__ import annotations

import asyncio

from tasks.looks import Looks

LATE_WALL_SECONDS = 0.05


class Guests:
    """Looks that last until somebody lets them end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.may_end = asyncio.Event()

    def begin(self, looks: Looks, worker: str, *, is_failure: bool) -> None:
        async def work(has_seen: asyncio.Event) -> None:
            self.begun.append(worker)
            await self.may_end.wait()
            has_seen.set()
            self.ended.append(worker)

        looks.begin(worker, work, is_failure=is_failure)


async def test_each_guest_is_looked_at_once_for_slowness_and_once_for_failure() -> None:
    looks, guests = Looks(), Guests()
    guests.may_end.set()
    for is_failure in (False, False, True, True, False):
        guests.begin(looks, "a", is_failure=is_failure)
        await looks.finish(1.0)
    assert guests.ended == ["a", "a"]


async def test_a_failure_is_worth_more_than_a_look_under_way() -> None:
    looks, guests = Looks(), Guests()
    guests.begin(looks, "a", is_failure=False)
    await asyncio.sleep(0)
    guests.begin(looks, "a", is_failure=True)
    guests.may_end.set()
    await looks.finish(1.0)
    assert (guests.begun, guests.ended) == (["a", "a"], ["a"])


async def test_what_is_late_is_given_up_at_the_end() -> None:
    looks, guests = Looks(), Guests()
    guests.begin(looks, "a", is_failure=True)
    await looks.finish(LATE_WALL_SECONDS)
    await looks.seen("a")
    assert (guests.begun, guests.ended) == (["a"], [])


async def test_nobody_waits_for_a_guest_that_is_not_looked_at() -> None:
    await Looks().seen("a")


async def test_a_look_that_breaks_lets_go_of_its_guest() -> None:
    async def work(_: asyncio.Event) -> None:
        raise OSError("broken")

    looks = Looks()
    looks.begin("a", work, is_failure=True)
    await looks.seen("a")
    await looks.finish(1.0)
