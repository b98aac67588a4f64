"""How one worker does a unit, and what all workers of an evaluation share.

A command that fails is told from a worker that fails: after each failure the worker's WAA server is
asked. A worker whose Windows has died would else fail every unit that it takes, and quickly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from anyio import CapacityLimiter, to_thread

from tasks.guests import COMMAND_SECONDS
from tasks.session import MAX_THREADS, wall_limit
from vmpool.clock import CloudClock
from vmpool.eval_command import Command, Turn
from vmpool.evals import Unit
from vmpool.guest.stream import Hear
from vmpool.naming import worker_index

T = TypeVar("T")

TIMED_OUT, KILLED = 124, 137
"""Exit codes of `timeout` when the time was up, and when SIGTERM did not do."""


class Station(Protocol):
    """The way to one worker."""

    worker: str

    async def do(self, unit: Unit, attempt: int, hear: Hear) -> None:
        """Do a unit and bring its results home.

        Args:
            unit: what.
            attempt: how often it was given back before.
            hear: called with its output.

        Raises:
            GuestUnreachableError: the worker is lost.
            PermanentError: the command failed, or ran out of time.
        """

    async def recover(self) -> None:
        """Have a worker that was lost fit for another unit: nothing of the last one runs there.

        Raises:
            VmPoolError: it is not.
        """

    async def close(self) -> None:
        """End what runs there, and close the way."""


@dataclass(frozen=True)
class Job:
    """What all stations of an evaluation share.

    Attributes:
        command: what is run.
        run: mark of the run, letters and digits.
        folder: results folder here.
        clock: the cloud's.
        workers: how many the pool has.
        shards: how many there are, 0 for listed tasks.
        secrets: values of the command's secrets.
        threads: for the commands.
    """

    command: Command
    run: str
    folder: Path
    clock: CloudClock
    workers: int
    shards: int
    secrets: Mapping[str, str] = field(repr=False)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MAX_THREADS))
    _limiter: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(MAX_THREADS))

    @property
    def limit(self) -> float:
        """Wall seconds for a command that only asks."""
        return wall_limit(self.clock, COMMAND_SECONDS)

    async def call(self, function: Callable[[], T]) -> T:
        """Run a blocking call in a thread; cancelled, its result is forgotten."""
        return await to_thread.run_sync(function, limiter=self._limiter, abandon_on_cancel=True)

    def turn(self, unit: Unit, worker: str, results: str, tasks_file: str) -> Turn:
        """What the placeholders stand for."""
        return Turn(unit, worker_index(worker), self.workers, self.shards, results, tasks_file)


def why(code: int, command: Command) -> str:
    """Why a command that ended with an exit code other than 0 did.

    Args:
        code: exit code; below 0, as Python says it, a signal.
        command: what was run.
    """
    if code in (TIMED_OUT, KILLED):
        return f"ended after {command.limit_seconds / 60:g} min, its limit"
    return f"exit code {code}" if code >= 0 else f"killed by signal {-code}"
