"""Costs by day, against lives of pools whose cost at every moment is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool.spending import Record, Spending, has_its_begin, restored, spending
from vmpool.spending_chart import markdown, steps, svg

T0 = datetime(2026, 1, 30, 20, tzinfo=UTC)
DAY = timedelta(days=1)
Switches = list[tuple[float, float]]
"""(hours from the switch before, USD per hour from then on)."""
LIVES = st.lists(
    st.tuples(st.floats(0.01, 60.0), st.sampled_from([0.01, 0.5, 4.0])), min_size=1, max_size=8
)
HOURS = st.lists(st.floats(0.0, 300.0), min_size=1, max_size=12)


def cost_until(life: Switches) -> Callable[[datetime], float]:
    """What a pool that was made at T0 has cost at a moment."""

    def cost(at: datetime) -> float:
        total, since, rate = 0.0, T0, 1.0
        for hours, following in life:
            until = min(since + timedelta(hours=hours), at)
            total += max((until - since) / timedelta(hours=1), 0.0) * rate
            since, rate = since + timedelta(hours=hours), following
        return total + max((at - since) / timedelta(hours=1), 0.0) * rate

    return cost


def record(at: datetime, cost: Callable[[datetime], float], pool: str = "p1") -> Record:
    midnight = max(at.replace(hour=0, minute=0, second=0, microsecond=0), T0)
    return Record(
        pool=pool,
        pool_id="1",
        cloud="local",
        at=at,
        born=T0,
        usd=cost(at),
        today_usd=cost(at) - cost(midnight),
        usd_per_hour=0.1,
        is_estimate=False,
    )


def all_of(records: list[Record]) -> Spending:
    last = max(item.at for item in records)
    return spending(records, T0.date(), last.date())


def usd(found: Spending, day: date) -> float:
    amount = found.of(day)
    assert amount
    return amount.usd


@given(life=LIVES, hours=HOURS)
def test_days_add_up_to_what_the_pool_has_cost(life: Switches, hours: list[float]) -> None:
    """Wherever the records lie."""
    cost = cost_until(life)
    records = [record(T0 + timedelta(hours=hour), cost) for hour in hours]
    found = all_of(records)
    assert found.total.usd == pytest.approx(max(item.usd or 0.0 for item in records), abs=1e-6)
    assert found.total.is_known


@given(life=LIVES, days=st.integers(1, 9), hour=st.floats(0.0, 23.9))
def test_one_record_a_day_makes_every_day_exact(life: Switches, days: int, hour: float) -> None:
    """Whenever in the day it is made."""
    cost = cost_until(life)
    midnight = T0.replace(hour=0)
    moments = [midnight + DAY * number + timedelta(hours=hour) for number in range(1, days + 1)]
    found = all_of([record(moment, cost) for moment in moments])
    assert not found.total.is_spread
    for number in range(days):
        begin = midnight + DAY * number
        true = cost(begin + DAY) - cost(max(begin, T0))
        assert usd(found, begin.date()) == pytest.approx(true, abs=1e-6)


def test_days_without_a_record_share_evenly_and_say_so() -> None:
    cost = cost_until([(4.0, 0.5)])
    begin = datetime(2026, 1, 31, tzinfo=UTC)
    found = all_of([record(begin, cost), record(begin + DAY * 4 + DAY / 2, cost)])
    amounts = [found.of(begin.date() + DAY * number) for number in range(5)]
    assert [round(amount.usd, 6) for amount in amounts if amount] == [12.0, 12.0, 12.0, 12.0, 6.0]
    assert [amount.is_spread for amount in amounts if amount] == [True] * 4 + [False]


def test_what_is_unknown_is_not_taken_for_zero() -> None:
    cost = cost_until([(4.0, 0.5)])
    first, second = record(T0 + DAY, cost), record(T0 + DAY * 2, cost)
    found = all_of([first, replace(second, usd=None)])
    day = found.of((T0 + DAY).date())
    assert day
    assert not day.is_known
    assert day.usd == pytest.approx(first.today_usd), "what is known of it is there"
    assert not found.total.is_known
    assert found.document()["total"]["is_known"] is False


def test_a_day_without_any_record_is_none_not_zero() -> None:
    found = all_of([record(T0, cost_until([(1.0, 0.5)]))])
    wider = spending([], T0.date() - DAY, T0.date())
    assert found.of(T0.date() - DAY) is None
    assert [day["total"] for day in wider.document()["days"]] == [None, None]


def test_a_pool_made_anew_under_the_same_name_begins_at_zero() -> None:
    cost = cost_until([(1.0, 0.5)])
    old = [record(T0 + DAY / 12, cost), record(T0 + DAY / 12, cost).at_its_end(T0 + DAY / 8, 2.5)]
    later = T0 + DAY * 3
    new = replace(record(later, cost), pool_id="2", born=later - DAY / 24, usd=0.5, today_usd=0.5)
    found = all_of([*old, new])
    assert usd(found, T0.date()) == pytest.approx(2.5)
    assert usd(found, later.date()) == pytest.approx(0.5)
    assert found.of(T0.date() + DAY) is None
    assert [item.pool_id for item in found.last] == ["2"]


def test_records_before_the_time_are_needed_until_a_pools_begin_is_known() -> None:
    cost = cost_until([(1.0, 0.5)])
    kept = [record(T0 + DAY * 3, cost)]
    assert not has_its_begin(kept, (T0 + DAY).date())
    assert has_its_begin(kept, T0.date()), "it was born within"
    assert has_its_begin([*kept, record(T0 + DAY / 24, cost)], (T0 + DAY).date())


@given(life=LIVES, hours=st.floats(0.0, 300.0), is_unknown=st.booleans())
def test_a_record_read_back_is_the_one_that_was_kept(
    *, life: Switches, hours: float, is_unknown: bool
) -> None:
    made = record((T0 + timedelta(hours=hours)).replace(microsecond=0), cost_until(life))
    made = replace(made, usd=None, born=None) if is_unknown else made
    assert restored(json.loads(json.dumps(made.row()))) == made


@pytest.mark.parametrize("row", [{}, {"at": "2026-01-30T20:00:00Z"}, {"at": "x", "pool": "p1"}])
def test_what_is_no_record_is_left_out(row: dict[str, str]) -> None:
    assert restored(row) is None


def test_the_picture_has_a_column_for_each_day_that_is_known() -> None:
    cost = cost_until([(4.0, 0.5)])
    records = [record(T0 + DAY * number, cost) for number in range(1, 4)]
    found = spending(records, T0.date() - DAY * 26, (T0 + DAY * 3).date())
    drawn = ET.fromstring(svg("title", found))  # noqa: S314 # our own text
    columns = [item.findtext("{*}title") for item in drawn.iterfind(".//{*}g")]
    assert columns[0] == f"{T0:%Y-%m-%d}: 4.00 USD"
    assert len(columns) == 4
    assert "Nothing is on record of 26 of the 30 days." in markdown(found)


@given(st.floats(0.001, 1e6))
def test_the_axis_has_a_few_round_amounts(top: float) -> None:
    made = steps(top)
    assert made[0] == 0
    assert 2 <= len(made) <= 6
    assert made[-1] <= top
