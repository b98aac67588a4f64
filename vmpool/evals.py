"""Pure: the work of an evaluation, and who does which part of it.

The work is cut into units: tasks that somebody listed, or shards that a benchmark's client cuts by
itself. A worker takes one unit after the other, so the quick ones do more. One that is lost gives
its unit back to the others; each unit ends once, as done, failed or not done.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vmpool.errors import UsageError
from vmpool.settings import MAX_WORKERS

MOST_LOSSES = 3
"""A unit that lost so many workers is given up: it may be what kills them."""
MOST_UNITS = 10_000
"""More is a mistake: each is a task run in Prefect. WAA has 154 tasks."""
TASK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)*")
"""A task's name is a path in the results folder, and stands in command lines."""


@dataclass(frozen=True)
class Unit:
    """What one worker does in one go.

    Attributes:
        name: unique; a relative path.
        shard: number of the shard, None for a listed task.
    """

    name: str
    shard: int | None = None


class End(StrEnum):
    """How a unit ended."""

    DONE = "done"
    FAILED = "failed"
    """Its command said so, or ran out of time."""
    NOT_DONE = "not done"
    """Nobody was left to do it, or it was called off."""


@dataclass(frozen=True)
class Record:
    """One unit that has ended.

    Attributes:
        unit: which.
        end: how.
        worker: who did it, "" if nobody did.
        seconds: cloud seconds that its last try took.
        detail: why it is not done, "" if it is.
        losses: workers that were lost while they did it.
    """

    unit: Unit
    end: End
    worker: str = ""
    seconds: float = 0.0
    detail: str = ""
    losses: int = 0


def shards(count: int) -> tuple[Unit, ...]:
    """Shards of work that the command itself cuts by `{worker_index}` and `{num_workers}`.

    Args:
        count: how many.

    Raises:
        UsageError: none, or too many.
    """
    _check_count(count, "shards")
    return tuple(Unit(f"shard-{index:02d}", index) for index in range(count))


def listed(tasks: Sequence[str]) -> tuple[Unit, ...]:
    """One unit for each task.

    Args:
        tasks: names such as `chrome/2ae9ba84`.

    Raises:
        UsageError: no tasks, too many, one twice, or a name that can't be a path.
    """
    _check_count(len(tasks), "tasks")
    for task in tasks:
        if not TASK_NAME.fullmatch(task) or ".." in task:
            raise UsageError(f"task {task!r} is not usable: letters, digits, . _ + - and / only")
    twice = sorted({task for task in tasks if tasks.count(task) > 1})
    if twice:
        raise UsageError(f"task {twice[0]} is listed twice")
    return tuple(Unit(task) for task in tasks)


def check_numbers(
    tasks: Sequence[str] | None, shards: int | None, workers: int | None, min_ready: int
) -> None:
    """Refuse numbers that make no evaluation.

    Raises:
        UsageError: tasks and shards at once, or too few or too many of anything.
    """
    if tasks is not None:
        listed(tasks)
        if shards is not None:
            raise UsageError("tasks and shards exclude each other: list tasks, or say how many")
    elif shards is not None:
        _check_count(shards, "shards")
    if workers is not None and not 1 <= workers <= MAX_WORKERS:
        raise UsageError(f"--workers {workers} is not between 1 and {MAX_WORKERS}")
    if not 1 <= min_ready <= (workers or MAX_WORKERS):
        raise UsageError(f"--min-ready {min_ready} is not between 1 and {workers or MAX_WORKERS}")


def _check_count(count: int, what: str) -> None:
    if not 1 <= count <= MOST_UNITS:
        raise UsageError(f"{count} {what} are not between 1 and {MOST_UNITS}")


def task_names(text: str) -> list[str]:
    """Names of tasks out of a file: WAA's JSON of task ids by domain, a JSON list, or lines.

    Args:
        text: the file; in lines, what follows a `#` is a comment.

    Raises:
        UsageError: it is none of these.
    """
    if text.lstrip()[:1] not in ("{", "["):
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return [line for line in lines if line]
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"the list of tasks is no JSON: {error}") from error
    if isinstance(found, dict) and all(isinstance(ids, list) for ids in found.values()):
        return [f"{domain}/{task}" for domain, ids in found.items() for task in ids]
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return list(found)
    raise UsageError("a JSON of tasks is a list of names, or lists of ids by domain as WAA's is")


def waa_list(task: str) -> str:
    """A list of one task as WAA's client takes it (`--test_all_meta_path`)."""
    domain, _, name = task.rpartition("/")
    return json.dumps({domain: [name]})


class Board:
    """Who does what: units that wait, that are being done, and that have ended.

    Args:
        units: the work.
    """

    def __init__(self, units: Iterable[Unit]) -> None:
        self._waiting = deque(units)
        self._doing: dict[str, Unit] = {}
        self._losses: dict[str, int] = {}
        self.records: list[Record] = []
        self.total = len(self._waiting)

    @property
    def is_over(self) -> bool:
        """Whether every unit has ended."""
        return not self._waiting and not self._doing

    def take(self, worker: str) -> Unit | None:
        """The next unit for a worker, None if none waits now: one may still come back.

        Args:
            worker: worker name; it must not be doing another one.
        """
        if worker in self._doing:
            raise ValueError(f"{worker} is doing {self._doing[worker].name}")
        if not self._waiting:
            return None
        self._doing[worker] = self._waiting.popleft()
        return self._doing[worker]

    def tries(self, unit: Unit) -> int:
        """How often a unit has been given back."""
        return self._losses.get(unit.name, 0)

    def finish(self, worker: str, detail: str = "", seconds: float = 0.0) -> None:
        """A worker has done its unit, well or badly.

        Args:
            worker: worker name.
            detail: why it failed, "" if it did not.
            seconds: cloud seconds that it took.
        """
        end = End.FAILED if detail else End.DONE
        self._record(self._doing.pop(worker), end, worker, seconds, detail)

    def lose(self, worker: str, why: str) -> None:
        """A worker is lost: its unit comes next for the others.

        Args:
            worker: worker name.
            why: for people.
        """
        unit = self._doing.pop(worker, None)
        if unit is None:
            return
        self._losses[unit.name] = self.tries(unit) + 1
        if self.tries(unit) < MOST_LOSSES:
            self._waiting.appendleft(unit)
            return
        said = f"given up after {MOST_LOSSES} lost workers; the last: {why}"
        self._record(unit, End.FAILED, worker, 0.0, said)

    def call_off(self, why: str) -> None:
        """Nothing more is done: what has not ended is said to be not done."""
        for worker, unit in tuple(self._doing.items()):
            self._record(unit, End.NOT_DONE, worker, 0.0, why)
        for unit in self._waiting:
            self._record(unit, End.NOT_DONE, "", 0.0, why)
        self._doing.clear()
        self._waiting.clear()

    def _record(self, unit: Unit, end: End, worker: str, seconds: float, detail: str) -> None:
        self.records.append(Record(unit, end, worker, seconds, detail, self.tries(unit)))
