"""What was spent in a day or month, against lives of resources that are fully known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool.budget import (
    Mark,
    Period,
    Reckoning,
    after,
    decode,
    described,
    encode,
    is_beyond,
    run_cost,
    spent_in,
)
from vmpool.ledger import accrue, opened, switched
from vmpool.model import Intent, Leftover, Observed, Place, PowerState, Worker, WorkerTags
from vmpool.money import Ledger, Prices

T0 = datetime(2026, 1, 30, 20, tzinfo=UTC)
"""A few hours before a midnight, two days before a month's end."""
SIZE = "Standard_D8ds_v5"
PRICES = Prices(0.5, 0.03, 0.005, "retail", SIZE)
SPANS = st.lists(st.floats(0.0, 40 * 3600.0), min_size=1, max_size=8)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@given(spans=SPANS, is_written=st.booleans())
def test_a_ledger_knows_what_was_billed_since_the_day_and_month_began(
    *, spans: list[float], is_written: bool
) -> None:
    """Switched on and off again and again, written and read in between or not."""
    ledger, now, is_on = opened(T0), T0, False
    on: list[tuple[datetime, datetime]] = []
    for span in spans:
        then = now + timedelta(seconds=span)
        on += [(now, then)] if is_on else []
        now, is_on = then, not is_on
        ledger = switched(ledger, now, is_billed=is_on)
        if is_written:
            read = Ledger.decode(ledger.encode())
            assert read
            ledger = read
    ledger = accrue(ledger, now)
    for period, base in ((Period.DAY, ledger.day_base), (Period.MONTH, ledger.month_base)):
        began = period.began(now)
        true = sum((max(end, began) - max(start, began)).total_seconds() for start, end in on)
        assert base is not None
        assert ledger.billed_seconds - base == pytest.approx(true, abs=1.0 + 0.2 * len(spans))


def test_a_ledger_of_before_there_were_budgets_is_unknown_until_the_next_day() -> None:
    old = replace(opened(T0), is_billed=True, day_base=None, month_base=None)
    assert accrue(old, at(3600)).day_base is None
    tomorrow = accrue(old, at(5 * 3600))
    assert tomorrow.day_base == 4 * 3600
    assert tomorrow.month_base is None


@dataclass(frozen=True)
class Life:
    """A resource: USD per hour, from when to when, in hours of one day."""

    rate: float
    start: float
    length: float

    def cost(self, hour: float) -> float:
        return self.rate * max(min(hour, self.start + self.length) - self.start, 0.0)

    def is_there(self, hour: float) -> bool:
        return self.start <= hour < self.start + self.length


LIVES = st.lists(
    st.builds(Life, st.floats(0.01, 2.0), st.floats(0.0, 20.0), st.floats(0.1, 24.0)), max_size=6
)


@given(LIVES, st.lists(st.floats(0.0, 24.0), min_size=1, max_size=30).map(sorted))
def test_what_is_gone_stays_spent_but_for_what_it_cost_since_the_last_look(
    lives: list[Life], looks: list[float]
) -> None:
    mark: Mark | None = None
    unseen, before = 0.0, 0.0
    for hour in looks:
        live = sum(life.cost(hour) for life in lives if life.is_there(hour))
        spent_before = mark.spent if mark else 0.0
        mark = after(mark, T0, live)
        unseen += sum(life.cost(hour) - life.cost(before) for life in lives)
        true = sum(life.cost(hour) for life in lives)
        assert mark.spent >= spent_before - 1e-9, "money came back"
        assert mark.spent <= true + 1e-9
        before = hour
    if len(looks) > 1 and mark:  # with many looks little is missed: at most one step per loss
        steps = [
            sum(life.cost(b) - life.cost(a) for life in lives)
            for a, b in zip([0.0, *looks], looks, strict=False)
            if any(life.start < b and a < life.start + life.length <= b for life in lives)
        ]
        assert mark.spent >= true - sum(steps) - 1e-9


def test_a_new_day_begins_with_nothing_gone() -> None:
    assert after(Mark(T0, 5.0, 3.0), at(86400), 1.0) == Mark(at(86400), 1.0, 0.0)


def test_marks_survive_their_tag_and_damage_is_left_out() -> None:
    marks = {Period.DAY: Mark(T0, 1.25, 0.5), Period.MONTH: Mark(T0, 31.0, 0.0)}
    text = encode(marks.items())
    assert len(text) <= 256
    assert decode(text) == marks
    assert decode("day=x,1,2 month=2026-01-30T20:00:00Z,1 week=1 junk") == {}


def worker(ledger: Ledger | None, prices: Prices | None = PRICES) -> Worker:
    tags = WorkerTags("p", "id", "p-00", Intent.READY, T0, prices=prices, ledger=ledger)
    place = Place(SIZE if prices else "Standard_X", "eastus")
    return Worker("p-00", "vm", "/v", place, PowerState.RUNNING, "Succeeded", tags, "", T0, T0)


def disk(created_at: datetime | None = T0) -> Leftover:
    return Leftover("/d", "Microsoft.Compute/disks", "d", "eastus", "p", "id", "p-00", created_at)


def test_only_what_falls_into_the_day_counts() -> None:
    ledger = switched(opened(T0), T0, is_billed=True)
    seen = Observed("p", at(10 * 3600), (worker(ledger),), (disk(),))
    assert spent_in(seen, Period.DAY) == (pytest.approx(6 * 0.53), 0)
    assert spent_in(seen, Period.MONTH) == (pytest.approx(10 * 0.53), 0)


def test_what_is_not_known_is_counted_as_unknown() -> None:
    seen = Observed("p", at(3600), (worker(None),), (disk(None),))
    assert spent_in(seen, Period.DAY) == (0, 2)
    unpriced = Observed("p", at(3600), (worker(opened(T0), None),))
    assert spent_in(unpriced, Period.DAY) == (0, 1)


def test_a_run_costs_vm_disk_and_address_until_its_auto_pause() -> None:
    run = run_cost([PRICES, PRICES], 2.0)
    assert run.usd == pytest.approx(2 * 2 * 0.535)
    assert (run.unknown, run.is_estimate) == (0, False)


def test_a_run_of_unknown_price_is_refused_only_if_the_known_part_is_beyond() -> None:
    run = run_cost([replace(PRICES, vm=None)], 10.0)
    enough, used_up = (Reckoning(Period.DAY, limit, Mark(T0, 1.0, 0.0), 0) for limit in (2.0, 1.1))
    assert not is_beyond(enough, run)
    assert "unknown of 1" in described(enough, run)
    assert is_beyond(used_up, run)
