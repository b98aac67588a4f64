"""Do workers wait for each other? Makespan of create, pause and resume against the longest worker.

Starts a local Azure and a Prefect server of its own, and runs the real flows with 1, 4, 16 and 64
workers. The ratio of makespan to longest worker is 1.00 when no worker waits for another; what the
machine itself adds shows in the column `1 -> N`: the longest worker against that of a pool of one.

    .venv/bin/python benchmarks/makespan.py [--workers 1,4,16,64] [--speed 60]
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_azure import control
from oa_vm import stack
from oa_vm.output import out, table
from vmpool.settings import CloudKind, Settings
from vmpool.timing import Span, longest_worker_seconds, makespan_seconds, minutes

FLOWS = ("pool-create", "pool-pause", "pool-resume", "pool-cleanup")
POOL = "waa-bench"


@dataclass(frozen=True)
class Measured:
    """One run of a flow.

    Attributes:
        flow: its name.
        workers: how many.
        makespan_seconds: cloud seconds from the first phase to the last.
        longest_seconds: cloud seconds of the worker that took longest.
        wall_seconds: the whole call on the wall.
        cpu_seconds: processor time of this process.
    """

    flow: str
    workers: int
    makespan_seconds: float
    longest_seconds: float
    wall_seconds: float
    cpu_seconds: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workers", default="1,4,16,64", help="pool sizes")
    parser.add_argument("--speed", type=float, default=60.0, help="cloud seconds per wall second")
    given = parser.parse_args()
    sizes = [int(word) for word in given.workers.split(",")]
    with _stack(given.speed):
        measured = [item for size in sizes for item in _measure(size)]
    out.print(
        table(
            f"speed {given.speed:g}, minutes on the cloud's clock",
            _rows(measured),
            numeric=("N", "makespan", "longest", "ratio", "1 -> N", "wall s", "cpu s"),
        )
    )


@contextmanager
def _stack(speed: float) -> Iterator[None]:
    """Servers of our own in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="waa-bench-") as folder:
        settings = Settings(
            _env_file=None, cloud=CloudKind.LOCAL, state_dir=Path(folder), pool=POOL
        )
        control.launch(settings.local_state_dir, control.Wanted(speed=speed))
        try:
            with stack.borrowed(settings):
                yield
        finally:
            control.stop(settings.local_state_dir)


def _measure(workers: int) -> list[Measured]:
    parameters: dict[str, dict[str, Any]] = {"pool-create": {"workers": workers}}
    return [_run(flow, workers, parameters.get(flow, {})) for flow in FLOWS]


def _run(name: str, workers: int, parameters: dict[str, Any]) -> Measured:
    from tasks.session import listeners  # noqa: PLC0415 # imports Prefect: after its variables

    function = name.replace("-", "_")
    flow = getattr(importlib.import_module(f"flows.{function}"), function)
    spans: list[Span] = []
    token = listeners.set((spans.append,))
    began, used = time.monotonic(), _cpu_seconds()
    asyncio.run(flow(pool=POOL, **parameters))
    took, used = time.monotonic() - began, _cpu_seconds() - used
    listeners.reset(token)
    phases = [span for span in spans if span.ended and span.worker != POOL]
    return Measured(
        name, workers, makespan_seconds(phases), longest_worker_seconds(phases), took, used
    )


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _rows(measured: list[Measured]) -> list[dict[str, str]]:
    first = {item.flow: item for item in reversed(measured)}
    return [
        {
            "flow": item.flow,
            "N": str(item.workers),
            "makespan": minutes(item.makespan_seconds),
            "longest": minutes(item.longest_seconds),
            "ratio": f"{item.makespan_seconds / item.longest_seconds:.2f}",
            "1 -> N": f"{item.longest_seconds / first[item.flow].longest_seconds:.2f}",
            "wall s": f"{item.wall_seconds:.1f}",
            "cpu s": f"{item.cpu_seconds:.1f}",
        }
        for item in sorted(measured, key=lambda item: (FLOWS.index(item.flow), item.workers))
    ]


if __name__ == "__main__":
    main()
