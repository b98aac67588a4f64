"""Is what the product says a pool has cost what the meter says? 1,000 random lives, with crashes.

Starts a local Azure of its own (empty VMs) and lives the histories of `benchmarks.histories` in
batches. Prints the worst case and the spread; ends with 1 if one is off by more than 1 % and a cent
(of a life that costs less than a dollar).

    .venv/bin/python -m benchmarks.cost_accuracy [--count 1000] [--batch 40] [--seed 1]
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.histories import Compared, live
from local_azure import control
from oa_vm.output import out, table
from tasks import session
from vmpool.settings import Settings

SHOWN = 5
MOST_ROUNDS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="histories in all")
    parser.add_argument("--batch", type=int, default=40, help="histories on one clock")
    parser.add_argument("--speed", type=float, default=100.0, help="cloud seconds per wall second")
    parser.add_argument("--seed", type=int, default=1, help="of the first batch")
    given = parser.parse_args()
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    session.FEWEST_WALL_SECONDS = 0.05
    found: list[Compared] = []
    for number, first in enumerate(range(0, given.count, given.batch)):
        seed, count = given.seed + number, min(given.batch, given.count - first)
        found += measure(seed, count, given.speed)
        worst = max(found, key=lambda item: item.error)
        said = f"{len(found)} histories, worst so far {worst.error:.3%}: {'; '.join(worst.steps)}"
        out.print(said, soft_wrap=True)
    _print(found)
    sys.exit(not all(item.is_right for item in found))


def measure(seed: int, count: int, speed: float) -> list[Compared]:
    """One batch on a local Azure of its own.

    Args:
        seed: of all chance.
        count: how many histories.
        speed: cloud seconds per wall second.
    """
    rounds = random.Random(seed).randint(2, MOST_ROUNDS)  # noqa: S311 # repeatable, not secret
    with tempfile.TemporaryDirectory(prefix="waa-cost-") as folder:
        settings = Settings(_env_file=None, state_dir=Path(folder))
        wanted = control.Wanted(speed=speed, guests="none")
        status = control.launch(settings.local_state_dir, wanted)
        try:
            return asyncio.run(live(status, settings, seed, count, rounds))
        finally:
            control.stop(settings.local_state_dir)


def _print(found: list[Compared]) -> None:
    errors = sorted(item.error for item in found)
    steps = sum(len(item.steps) for item in found)
    crashes = sum("dies" in step for item in found for step in item.steps)
    off = max(abs((item.tracked or 0.0) - item.true) for item in found if item.true < 1)
    out.print(f"of those that cost less than a dollar the worst is off by {off:.4f} USD")
    out.print(
        f"{len(found)} histories, {steps} steps, {crashes} crashes: "
        f"median {statistics.median(errors):.4%}, "
        f"99th of 100 {errors[int(len(errors) * 0.99)]:.3%}, worst {errors[-1]:.3%}"
    )
    worst = sorted(found, key=lambda item: -item.error)[:SHOWN]
    cells = [
        {
            "pool": item.pool,
            "error": f"{item.error:.3%}",
            "tracked": f"{item.tracked}",
            "true": f"{item.true:.6f}",
            "steps": "; ".join(item.steps),
        }
        for item in worst
    ]
    out.print(table("The worst", cells, numeric=("error", "tracked", "true")))


if __name__ == "__main__":
    main()
