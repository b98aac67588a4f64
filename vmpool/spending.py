"""Pure: what pools cost on each day (UTC), reckoned from what was noted of them now and then.

A record says what a pool had cost in all and since midnight. Two records that follow each other
tell what was spent between them; the later one's day is known by itself, so only what lies between
whole days without a record has to be spread. What cannot be known is said, never taken for zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from vmpool.budget import Period, spent_in
from vmpool.cost import cost
from vmpool.holdings import pool_lot, sum_of
from vmpool.model import Observed
from vmpool.moments import day_of, format_time, parse_time

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Record:
    """What was known of a pool's cost at one moment; in USD, None is unknown.

    Attributes:
        pool: pool name.
        pool_id: tells pools apart that had the same name one after the other.
        cloud: `local` or `azure`: simulated money is never added to real money.
        at: the moment (cloud time).
        born: when the oldest of what is there was created.
        usd: what the pool has cost in all.
        today_usd: of that, since midnight (UTC).
        usd_per_hour: what it cost at that moment.
        is_estimate: whether list figures stood in for Azure's prices.
    """

    pool: str
    pool_id: str
    cloud: str
    at: datetime
    born: datetime | None
    usd: float | None
    today_usd: float | None
    usd_per_hour: float | None
    is_estimate: bool

    @property
    def life(self) -> tuple[str, str]:
        """Which pool it is."""
        return self.pool, self.pool_id

    def row(self) -> dict[str, Any]:
        """A row of a table artifact, what people look for first; `restored` reads it."""
        born = format_time(self.born) if self.born else ""
        columns = dict.fromkeys(("at", "usd", "today_usd", "usd_per_hour"))
        return columns | asdict(self) | {"at": format_time(self.at), "born": born}

    def at_its_end(self, at: datetime, usd: float | None) -> Record:
        """The last record of a pool that is deleted.

        Args:
            at: when nothing was left.
            usd: what it has cost in all.
        """
        return replace(self, at=at, usd=usd, today_usd=None, usd_per_hour=0.0)


def restored(row: Mapping[str, Any]) -> Record | None:
    """The record that a row holds, None if it is not one of ours."""
    at = parse_time(str(row.get("at")))
    if at is None:
        return None
    try:
        return Record(
            pool=str(row["pool"]),
            pool_id=str(row["pool_id"]),
            cloud=str(row["cloud"]),
            at=at,
            born=parse_time(str(row["born"])),
            usd=_amount(row["usd"]),
            today_usd=_amount(row["today_usd"]),
            usd_per_hour=_amount(row["usd_per_hour"]),
            is_estimate=bool(row["is_estimate"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _amount(value: Any) -> float | None:
    return None if value is None else float(value)


def record_of(observed: Observed, cloud: str, pool_id: str = "") -> Record | None:
    """What is known of a pool now, None if there is none.

    Args:
        observed: the pool.
        cloud: `local` or `azure`.
        pool_id: the pool's, when it is known better than by its tags.
    """
    if observed.is_absent:
        return None
    times = [worker.created_at for worker in observed.workers]
    times += [item.created_at for item in observed.leftovers]
    found, today = cost(observed), spent_in(observed, Period.DAY)
    rates = sum_of(item.usd_per_hour for item in pool_lot(observed, "").holdings)
    return Record(
        pool=observed.pool,
        pool_id=pool_id or min(observed.pool_ids, default=""),
        cloud=cloud,
        at=observed.at,
        born=min((moment for moment in times if moment), default=None),
        usd=found.total_usd,
        today_usd=_known(today),
        usd_per_hour=_known(rates),
        is_estimate=found.is_estimate,
    )


def _known(found: tuple[float, int]) -> float | None:
    amount, missing = found
    return None if missing else round(amount, 6)


@dataclass(frozen=True)
class Amount:
    """What something cost in a day or more.

    Attributes:
        usd: USD, as far as known.
        is_known: whether that is all of it.
        is_spread: whether it is part of a sum over several days, spread evenly over them.
    """

    usd: float = 0.0
    is_known: bool = True
    is_spread: bool = False

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.usd + other.usd,
            self.is_known and other.is_known,
            self.is_spread or other.is_spread,
        )

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "usd": round(self.usd, 6),
            "is_known": self.is_known,
            "is_spread": self.is_spread,
        }


UNKNOWN = Amount(is_known=False)


def between(before: Record, after: Record) -> Iterator[tuple[date, Amount]]:
    """What a pool cost from one record to the next, by day."""
    whole = None if after.usd is None or before.usd is None else after.usd - before.usd
    midnight = day_of(after.at)
    if before.at >= midnight:
        yield midnight.date(), UNKNOWN if whole is None else Amount(whole)
    elif after.today_usd is None:
        yield from _spread(whole, before.at, after.at)
    else:
        yield midnight.date(), Amount(after.today_usd)
        rest = None if whole is None else whole - after.today_usd
        yield from _spread(rest, before.at, midnight)


def _spread(usd: float | None, since: datetime, until: datetime) -> Iterator[tuple[date, Amount]]:
    """An amount over the days of a span of time, evenly; one that lies in a day is that day's."""
    cuts = [since]
    while (following := day_of(cuts[-1]) + DAY) < until:
        cuts.append(following)
    cuts.append(until)
    is_spread = len(cuts) > 2  # noqa: PLR2004 # more than one day
    for begin, end in pairwise(cuts):
        share = (end - begin) / (until - since)
        known = UNKNOWN if usd is None else Amount(usd * share, is_spread=is_spread)
        yield begin.date(), known


@dataclass(frozen=True)
class Spending:
    """What pools cost over some days.

    Attributes:
        since: first day.
        until: last day.
        days: amounts by day and pool; a pool without any record of a day is not in it.
        last: each pool's last record.
    """

    since: date
    until: date
    days: Mapping[date, Mapping[str, Amount]]
    last: tuple[Record, ...]

    @property
    def every_day(self) -> tuple[date, ...]:
        """Each day of the time, also those without any record."""
        count = (self.until - self.since).days + 1
        return tuple(self.since + DAY * number for number in range(count))

    @property
    def pools(self) -> dict[str, Amount]:
        """What each pool cost over all the days, the dearest first."""
        found: dict[str, Amount] = defaultdict(Amount)
        for by_pool in self.days.values():
            for pool, amount in by_pool.items():
                found[pool] += amount
        return dict(sorted(found.items(), key=lambda item: (-item[1].usd, item[0])))

    @property
    def total(self) -> Amount:
        """All of it."""
        return sum(self.pools.values(), Amount())

    def of(self, day: date) -> Amount | None:
        """All pools on one day, None if nothing of it is on record."""
        found = self.days.get(day)
        return sum(found.values(), Amount()) if found else None

    def document(self) -> dict[str, Any]:
        """The JSON of `oa-vm costs --json`; its keys are an interface, add but don't rename."""
        last = {record.pool: record for record in self.last}
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "total": self.total.document() if self.days else None,
            "is_estimate": any(record.is_estimate for record in self.last),
            "days": [
                {
                    "day": day.isoformat(),
                    "total": found.document() if (found := self.of(day)) else None,
                    "pools": {
                        pool: amount.document() for pool, amount in self.days.get(day, {}).items()
                    },
                }
                for day in self.every_day
            ],
            "pools": [
                {
                    "pool": pool,
                    "total": amount.document(),
                    "recorded_at": format_time(last[pool].at),
                    "usd_per_hour": last[pool].usd_per_hour,
                }
                for pool, amount in self.pools.items()
            ],
        }


def spending(records: Iterable[Record], since: date, until: date) -> Spending:
    """What pools cost on each day of a time.

    Args:
        records: of one cloud, in any order; of each pool also the last one before that time.
        since: first day.
        until: last day.
    """
    lives: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.at):
        lives[record.life].append(record)
    days: dict[date, dict[str, Amount]] = defaultdict(dict)
    last: dict[str, Record] = {}
    for (pool, _), life in lives.items():
        for day, amount in _life(life):
            if since <= day <= until:
                days[day][pool] = days[day].get(pool, Amount()) + amount
        last[pool] = max(last.get(pool, life[-1]), life[-1], key=lambda record: record.at)
    seen = {pool for by_pool in days.values() for pool in by_pool}
    return Spending(since, until, dict(days), tuple(last[pool] for pool in sorted(seen)))


def _life(life: Sequence[Record]) -> Iterator[tuple[date, Amount]]:
    """All days of one pool, from its birth to its last record."""
    first = life[0]
    born = replace(first, at=min(first.born or first.at, first.at), usd=0.0 if first.born else None)
    for before, after in pairwise([born, *life]):
        yield from between(before, after)


def has_its_begin(records: Iterable[Record], since: date) -> bool:
    """Whether what a pool cost from a day on can be reckoned without records from before these."""
    first = min(records, key=lambda record: record.at)
    return first.at.date() < since or (first.born is not None and first.born.date() >= since)
