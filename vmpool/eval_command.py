"""Pure: the command of an evaluation: where it runs, and its words with the unit put in.

A template is words as a shell would split them, without a shell: `{worker_index}` and the like are
replaced in each word, everything else arrives as it is.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum

from vmpool.errors import UsageError
from vmpool.evals import Unit

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
SECRET = re.compile(r"[A-Z_][A-Z0-9_]*")
RUN_VARIABLE = "WAA_RUN"
"""Marks every process of a run, so that it can be found and ended."""


class Where(StrEnum):
    """Where the command runs."""

    CONTAINER = "container"
    """In the worker's Windows container, in WAA's client folder."""
    WORKER = "worker"
    """On the worker's VM."""
    LOCAL = "local"
    """Here, with the addresses of tunnels to the worker in its environment."""


@dataclass(frozen=True)
class Turn:
    """One unit on one worker: what the placeholders stand for.

    Attributes:
        unit: what is done.
        index: the worker's number in the pool.
        workers: how many workers the pool has.
        shards: how many shards there are, 0 for listed tasks.
        results: folder for the results, as the command sees it.
        tasks_file: file that lists the unit's task as WAA's client takes it, "" for a shard.
    """

    unit: Unit
    index: int
    workers: int
    shards: int
    results: str
    tasks_file: str = ""

    @property
    def values(self) -> dict[str, str]:
        """Placeholders and what stands in their place."""
        is_shard = self.unit.shard is not None
        found = {
            "worker_index": str(self.unit.shard if is_shard else self.index),
            "num_workers": str(self.shards if is_shard else self.workers),
            "results": self.results,
        }
        if not is_shard:
            found |= {"task": self.unit.name, "tasks_file": self.tasks_file}
        return found

    @property
    def environment(self) -> dict[str, str]:
        """The same for programs that read variables."""
        return {f"WAA_{name.upper()}": value for name, value in self.values.items()}


@dataclass(frozen=True)
class Command:
    """A command, checked.

    Attributes:
        words: its words, placeholders and all.
        where: where it runs.
        limit_seconds: cloud seconds for one unit.
        secrets: names of variables whose values come from Prefect's Secret blocks.
    """

    words: tuple[str, ...]
    where: Where
    limit_seconds: float
    secrets: tuple[str, ...] = ()

    def argv(self, turn: Turn) -> list[str]:
        """The words for one unit on one worker."""
        values = turn.values
        return [PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in self.words]


def command_from(
    text: str, where: str, *, lists_tasks: bool, minutes: float, secrets: tuple[str, ...] = ()
) -> Command:
    """Check what somebody typed.

    Args:
        text: the command as a shell would read it.
        where: container, worker or local.
        lists_tasks: whether units are listed tasks, which alone know `{task}`.
        minutes: cloud minutes for one unit.
        secrets: names of variables.

    Raises:
        UsageError: it can't be split, is empty, or has a placeholder that nothing stands for.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"the command can't be read: {error}: {text}") from error
    if not words:
        raise UsageError("no command: say after -- what each worker shall run")
    if where not in tuple(Where):
        raise UsageError(f"{where!r} is no place for a command: {', '.join(Where)}")
    if minutes <= 0:
        raise UsageError(f"{minutes:g} minutes for one command are not above 0")
    turn = Turn(Unit("x") if lists_tasks else Unit("x", 0), 0, 1, 1, "/", "/")
    for name in (found for word in words for found in PLACEHOLDER.findall(word)):
        if name not in turn.values:
            known = ", ".join(f"{{{known}}}" for known in turn.values)
            hint = "" if lists_tasks or name not in ("task", "tasks_file") else " without --tasks"
            raise UsageError(f"{{{name}}} stands for nothing{hint}; known are {known}")
    wrong = [name for name in secrets if not SECRET.fullmatch(name)]
    if wrong:
        raise UsageError(f"{wrong[0]!r} is no name of a secret variable, such as OPENAI_API_KEY")
    if secrets and where == Where.WORKER:
        raise UsageError("secrets reach a container or a local command, not the VM itself")
    return Command(words, Where(where), minutes * 60, secrets)


def secret_block(variable: str) -> str:
    """Name of the Prefect Secret block for a variable: block names have no capitals."""
    return variable.lower().replace("_", "-")
