"""Is what the product says a pool has cost what the meter says? 1,000 random lives, with crashes.

Starts local Azures of its own (empty VMs), whose clock stands still but for the waits of the lives
in `benchmarks.histories`: weeks pass in a second, and a busy machine changes no figure. Prints the
worst cases and the spread; ends with 1 if a usual life is off by more than 1 % (and a second's
price), or if at any look the truth was further off than the product said that it might be.

    .venv/bin/python -m benchmarks.cost_accuracy [--count 1000] [--kind usual] [--jobs 2]
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from benchmarks.compared import LIMIT, Compared
from benchmarks.lives import BATCH, Kind, azure, live
from oa_vm.output import out, table

SHOWN = 5
NUMERIC = ("median", "p99", "worst")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="lives in all")
    parser.add_argument("--kind", type=Kind, choices=list(Kind), default=Kind.USUAL)
    parser.add_argument("--seed", type=int, default=0, help="of the first")
    parser.add_argument("--jobs", type=int, default=2, help="processes; no figure hangs on it")
    given = parser.parse_args()
    seeds = range(given.seed, given.seed + given.count)
    batches = [seeds[first : first + BATCH] for first in range(0, len(seeds), BATCH)]
    found: list[Compared] = []
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as jobs:
        for some in jobs.map(partial(measure, given.kind), batches):
            found += some
            worst = max(found, key=lambda item: item.end.error)
            out.print(f"{len(found)} lives, worst so far {worst.end.error:.3%}")
    is_right = all(item.is_covered for item in found)
    if given.kind is Kind.USUAL:
        is_right &= all(item.is_exact for item in found)
    _print(found)
    sys.exit(not is_right)


def measure(kind: Kind, seeds: range) -> list[Compared]:
    """Some lives on a local Azure of their own.

    Args:
        kind: what is random about them.
        seeds: one for each.
    """
    logging.getLogger("urllib3").setLevel(logging.ERROR)

    async def all_of() -> list[Compared]:
        return [item async for item in live(status, settings, kind, seeds)]

    with azure(kind, seeds.start) as (status, settings):
        return asyncio.run(all_of())


def _print(found: list[Compared]) -> None:
    looks = [seen for item in found for seen in item.seen]
    crashes = sum("dies" in step for item in found for step in item.steps)
    errors = [item.end.error for item in found]
    spread = [
        _row("off, %", [100 * error for error in errors]),
        _row("off, USD", [item.end.off_usd for item in found]),
        _row("said to be uncertain, USD", [item.end.uncertain or 0.0 for item in found]),
    ]
    title = f"{len(found)} lives, {len(looks)} looks, {crashes} crashes"
    out.print(table(title, spread, numeric=NUMERIC))
    for words, count in {
        f"lives off by more than {LIMIT:.0%}": sum(error > LIMIT for error in errors),
        "of them by more than a second's price": sum(not item.is_exact for item in found),
        "looks surer than right": sum(not seen.is_covered for seen in looks),
    }.items():
        out.print(f"{count} {words}")
    worst = sorted(found, key=lambda item: -item.end.error)[:SHOWN]
    cells = [
        {
            "life": item.pool,
            "off, %": f"{100 * item.end.error:.3f}",
            "true": f"{item.end.true:.4f}",
            "off": f"{item.end.off_usd:.5f}",
            "unsure": f"{item.end.uncertain or 0.0:.5f}",
        }
        for item in worst
    ]
    out.print(table("The worst, in USD", cells, numeric=("off, %", "true", "off", "unsure")))
    for item in worst:
        out.print(f"{item.pool}: {'; '.join(item.steps)}")
    for item in found:
        if not item.is_covered:
            out.print(f"{item.pool} was surer than right: {item.seen}")


def _row(what: str, figures: list[float]) -> dict[str, str]:
    """Median, 99th of 100 and the most of some figures."""
    ordered = sorted(figures)
    shown = statistics.median(ordered), ordered[int(len(ordered) * 0.99)], ordered[-1]
    return {"": what} | dict(zip(NUMERIC, (f"{figure:.4f}" for figure in shown), strict=True))


if __name__ == "__main__":
    main()
