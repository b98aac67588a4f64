"""Pure: what pools have spent this day and month, and whether a run fits into the budget.

A pool's tags know what is still there. What is gone (deleted workers, whole pools) is remembered by
a mark on the resource group: how much was seen at the last look, and how much of what had been seen
before had vanished. So it needs no note at the right moment: whoever dies, the next look finds less
than was seen and counts the difference as gone. Days and months are UTC, on the cloud's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from vmpool.books import ledger_now
from vmpool.cost import own_prices
from vmpool.holdings import pool_lot, sum_of
from vmpool.model import Leftover, Observed, Worker
from vmpool.moments import (
    HOUR_SECONDS,
    day_of,
    format_time,
    hours_between,
    month_of,
    parse_time,
)
from vmpool.money import Prices


class Period(StrEnum):
    """What a budget is for."""

    DAY = "day"
    MONTH = "month"

    def began(self, at: datetime) -> datetime:
        """When the day or month of a moment began."""
        return day_of(at) if self is Period.DAY else month_of(at)


@dataclass(frozen=True)
class Mark:
    """What was known of a period at the last look.

    Attributes:
        began: when the period began.
        seen: USD that what was there had cost in it.
        gone: USD that what is gone had cost in it.
    """

    began: datetime
    seen: float
    gone: float

    @property
    def spent(self) -> float:
        """USD in all."""
        return self.seen + self.gone


def after(mark: Mark | None, began: datetime, live: float) -> Mark:
    """The mark after another look.

    Args:
        mark: that of the last look, None if there is none.
        began: when the period of this look began; a mark of an earlier one has served its time.
        live: USD that what is there now has cost in it.
    """
    if mark is None or mark.began != began:
        return Mark(began, live, 0.0)
    return Mark(began, live, mark.gone + max(mark.seen - live, 0.0))


def encode(marks: Iterable[tuple[Period, Mark]]) -> str:
    """`day=2026-11-25T00:00:00Z,1.25,0.5 month=...`: when it began, seen, gone."""
    return " ".join(
        f"{period}={format_time(mark.began)},{mark.seen:.6f},{mark.gone:.6f}"
        for period, mark in marks
    )


def decode(text: str) -> dict[Period, Mark]:
    """What `encode` wrote; what is damaged is left out."""
    found = {}
    for entry in text.split():
        name, _, value = entry.partition("=")
        began, *amounts = value.split(",")
        moment = parse_time(began)
        try:
            seen, gone = (float(amount) for amount in amounts)
            period = Period(name)
        except ValueError:
            continue
        if moment and seen >= 0 and gone >= 0:
            found[period] = Mark(moment, seen, gone)
    return found


def spent_in(observed: Observed, period: Period) -> tuple[float, int]:
    """What a pool's resources that are there have cost in the present period.

    Returns:
        USD as far as known, and of how many resources it is not.
    """
    began = period.began(observed.at)
    found = [_compute(observed, worker, period, began) for worker in observed.workers]
    found += [_part(observed, item, began) for item in observed.leftovers]
    return sum_of(found)


def _part(observed: Observed, item: Leftover, began: datetime) -> float | None:
    vms = tuple(worker for worker in observed.workers if worker.name == item.worker)
    lot = pool_lot(replace(observed, workers=vms, leftovers=(item,)), "")
    rate = next(part.usd_per_hour for part in lot.holdings if not part.state)
    if not rate:
        return rate
    if item.created_at is None:
        return None
    return rate * hours_between(max(item.created_at, began), observed.at)


def _compute(observed: Observed, worker: Worker, period: Period, began: datetime) -> float | None:
    ledger = ledger_now(worker, observed.at)
    price = own_prices(worker).vm
    if ledger is None or price is None:
        return None
    base = ledger.day_base if period is Period.DAY else ledger.month_base
    if base is None and worker.created_at and worker.created_at >= began:
        base = 0.0
    return None if base is None else price * max(ledger.billed_seconds - base, 0.0) / HOUR_SECONDS


@dataclass(frozen=True)
class Reckoning:
    """One budget, as it stands.

    Attributes:
        period: day or month.
        limit: USD.
        mark: what was spent.
        unknown: of how many resources that is not known.
    """

    period: Period
    limit: float
    mark: Mark
    unknown: int

    @property
    def is_used_up(self) -> bool:
        """Whether what is known to be spent has reached the limit."""
        return self.mark.spent >= self.limit


@dataclass(frozen=True)
class Run:
    """What a run would cost until its auto-pause: every worker with disk and address.

    Attributes:
        usd: USD as far as prices are known.
        unknown: number of workers without a known price.
        is_estimate: whether list figures stand in for Azure's prices.
    """

    usd: float
    unknown: int
    is_estimate: bool


def run_cost(prices: Sequence[Prices], hours: float) -> Run:
    """What workers cost while all of them run.

    Args:
        prices: of each worker.
        hours: until auto-pause.
    """
    found = [sum_of((price.vm, price.disk, price.ip)) for price in prices]
    return Run(
        usd=sum(known for known, _ in found) * hours,
        unknown=sum(1 for _, missing in found if missing),
        is_estimate=any(price.is_estimate for price in prices),
    )


def is_beyond(reckoning: Reckoning, run: Run) -> bool:
    """Whether a run would exceed a budget, by what is known."""
    return reckoning.mark.spent + run.usd > reckoning.limit


def described(reckoning: Reckoning, run: Run) -> str:
    """The figures in a line; unknown spending is said, not taken for none."""
    about = "at list prices about " if run.is_estimate else "about "
    missing = reckoning.unknown + run.unknown
    more = f", unknown of {missing} resources" if missing else ""
    sum_ = reckoning.mark.spent + run.usd
    return (
        f"{reckoning.mark.spent:.2f} USD spent this {reckoning.period} + {about}{run.usd:.2f} "
        f"until auto-pause = {sum_:.2f} of {reckoning.limit:.2f} USD{more} (estimates)"
    )


def refusal(reckoning: Reckoning, run: Run) -> str:
    """Why a run is refused, and what can be done."""
    setting = f"WAA_BUDGET_USD_PER_{reckoning.period.name}"
    return (
        f"beyond the budget: {described(reckoning, run)}; fewer workers or --auto-pause-hours, "
        f"pause other pools, or raise {setting}"
    )
