from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from benchmarks.compared import Compared
from benchmarks.lives import BATCH, Kind, azure, live

LIVES = 6
"""Usual lives with each of Azure's timers; `benchmarks/cost_accuracy.py` lives a thousand."""
UNUSUAL_LIVES = 3


def lived(kind: Kind, seeds: range) -> list[Compared]:
    async def all_of() -> list[Compared]:
        return [item async for item in live(status, settings, kind, seeds)]

    with azure(kind, seeds.start) as (status, settings):
        return asyncio.run(all_of())


@pytest.fixture(scope="module")
def usual() -> list[Compared]:
    """Random lives, with crashes, in which operations take what they usually take."""
    once, daily = range(LIVES), range(BATCH, BATCH + LIVES)
    return lived(Kind.USUAL, once) + lived(Kind.USUAL, daily)


@pytest.fixture(scope="module", params=[Kind.DURATIONS, Kind.STRANGERS, Kind.AHEAD])
def unusual(request: pytest.FixtureRequest) -> list[Compared]:
    """Random lives of which the product can't know all."""
    return lived(request.param, range(UNUSUAL_LIVES))


def test_what_is_tracked_is_within_1_percent_of_what_the_meter_charged(
    usual: list[Compared],
) -> None:
    """Whoever dies between a change and its note; every VM, disk and address of the pool."""
    assert [item for item in usual if not item.is_exact] == []


def test_what_it_truly_cost_lies_within_what_is_said_to_be_uncertain(
    usual: list[Compared],
) -> None:
    """At every look, in the midst of operations too."""
    assert [item for item in usual if not item.is_covered] == []


def test_what_cannot_be_known_is_said_to_be_uncertain(unusual: list[Compared]) -> None:
    """Operations of any length, somebody else who starts and deallocates, a clock that is ahead."""
    assert [item for item in unusual if not item.is_covered] == []


def test_the_lives_cost_something_and_processes_died_in_them(usual: list[Compared]) -> None:
    steps = [step for item in usual for step in item.steps]
    assert sum(item.end.true > 0.1 for item in usual) >= LIVES
    assert any("dies before" in step for step in steps)
    assert any("dies after" in step for step in steps)
    assert all(before.true <= after.true for item in usual for before, after in pairwise(item.seen))
