"""`oa-vm costs`: what pools cost on each of the last days, by what Prefect has on record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from oa_vm.options import Json
from oa_vm.output import err, out, print_json, table
from oa_vm.recorded import recorded
from vmpool.errors import UsageError
from vmpool.receipt import usd
from vmpool.settings import CloudKind, Settings, check_pool_name, load_settings
from vmpool.spending import Amount, Record, Spending, spending

DEFAULT_DAYS, MOST_DAYS = 30, 366
COLUMNS = 80
MOST_COLUMNS, LONGEST_NAME = 3, 12
"""Pools that have a column each: more, or longer names, leave no room for the bars."""
SHORTEST_BAR = 10
SMALLEST_USD = 0.005
NOTHING = "-"


def costs(
    days: Annotated[
        int, typer.Option("--days", metavar="N", help="How many days, with today.")
    ] = DEFAULT_DAYS,
    pool: Annotated[
        str | None,
        typer.Option("--pool", metavar="NAME", help="Of this pool only; default every pool."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what pools cost on each of the last days (UTC), by what earlier runs noted."""
    if not 1 <= days <= MOST_DAYS:
        raise UsageError(f"--days {days} is not between 1 and {MOST_DAYS}")
    settings = load_settings()
    found = _read(settings, days, check_pool_name(pool) if pool else None)
    if as_json:
        print_json({"cloud": settings.cloud.value, **found.document()})
    elif not found.days:
        whose = f" of pool {pool}" if pool else ""
        err.print(f"No costs{whose} yet: every pool-create, -resume or -pause notes some.")
    else:
        print_costs(found, is_simulated=settings.cloud is CloudKind.LOCAL)


def _read(settings: Settings, days: int, pool: str | None) -> Spending:
    today = datetime.now(UTC).date()

    async def read() -> Spending:
        from tasks.spending import read_spending  # noqa: PLC0415 # imports Prefect: 1-2 s

        return await read_spending(settings.cloud.value, days, pool, today)

    return recorded(settings, read) or spending((), today - timedelta(days=days - 1), today)


def print_costs(found: Spending, *, is_simulated: bool) -> None:
    """A row with a bar for each day, a row for each pool, and what is not known."""
    out.print(table(_title(is_simulated=is_simulated), _days(found), numeric=_numeric(found)))
    out.print()
    rows = [_pool(pool, amount, found) for pool, amount in found.pools.items()]
    out.print(table("By pool", rows, numeric=("USD", "USD/hour then")))
    out.print()
    for line in _notes(found):
        out.print(line)


def _title(*, is_simulated: bool) -> str:
    return f"What pools cost a day (UTC), in {'simulated ' if is_simulated else ''}USD"


def _columns(found: Spending) -> tuple[str, ...]:
    pools = tuple(found.pools)
    has_room = len(pools) <= MOST_COLUMNS and all(len(pool) <= LONGEST_NAME for pool in pools)
    return pools if has_room and len(pools) > 1 else ()


def _numeric(found: Spending) -> Sequence[str]:
    return (*_columns(found), "all")


def _days(found: Spending) -> list[dict[str, str]]:
    rows = [(day, _figures(found, day)) for day in _shown(found)]
    names = _numeric(found)
    used = len("2026-11-25") + sum(
        2 + max(len(name), *(len(row[name]) for _, row in rows)) for name in names
    )
    width = max(COLUMNS - used - 2, SHORTEST_BAR)
    amounts = {day: found.of(day) or Amount() for day, _ in rows}
    top = max(amount.usd for amount in amounts.values())
    return [
        {"day": day.isoformat(), **row, "": _bar(amounts[day].usd, top, width)} for day, row in rows
    ]


def _shown(found: Spending) -> Sequence[date]:
    """From the first day of which anything is known: rows of nothing would push it off a screen."""
    first = min(found.days)
    return [day for day in found.every_day if day >= first]


def _figures(found: Spending, day: date) -> dict[str, str]:
    by_pool = found.days.get(day, {})
    figures = {pool: _figure(by_pool.get(pool)) for pool in _columns(found)}
    return {**figures, "all": _figure(found.of(day))}


def _figure(amount: Amount | None) -> str:
    """`0.25`; `~` before what is spread over days, `>` before what is not all."""
    if amount is None:
        return NOTHING
    if not amount.is_known and amount.usd < SMALLEST_USD:
        return "unknown"
    mark = ("~" if amount.is_spread else "") if amount.is_known else ">"
    if 0 < amount.usd < SMALLEST_USD:
        return "<0.01"
    return f"{mark}{max(amount.usd, 0.0):.2f}"


def _bar(amount: float, top: float, width: int) -> str:
    return "\N{FULL BLOCK}" * round(amount / top * width) if top > 0 else ""


def _pool(pool: str, amount: Amount, found: Spending) -> dict[str, str]:
    last = _last(found)[pool]
    return {
        "pool": pool,
        "USD": _figure(amount),
        "last record": f"{last.at:%m-%d %H:%M}",
        "USD/hour then": usd(last.usd_per_hour),
    }


def _last(found: Spending) -> dict[str, Record]:
    return {record.pool: record for record in found.last}


def _notes(found: Spending) -> list[str]:
    total, days = found.total, found.every_day
    lines = [f"All: {_figure(total)} USD in {len(days)} days."]
    if total.is_spread:
        lines.append("~ several days without a record: their sum, spread evenly over them.")
    if not total.is_known:
        lines.append("> not all of it is known.")
    if _shown(found)[0] > days[0]:
        lines.append(f"Nothing is on record before {_shown(found)[0]}.")
    if any(found.of(day) is None for day in _shown(found)):
        lines.append(f"{NOTHING} nothing is on record of that day.")
    if any(record.is_estimate for record in found.last):
        lines.append("An estimate: Azure's prices could not be asked at some launch.")
    if any(record.usd_per_hour != 0.0 for record in found.last):
        lines.append("Since the last record only Azure knows: oa-vm resources asks it.")
    lines.append("Images, registries and traffic are no pool's cost and not in here.")
    return lines
