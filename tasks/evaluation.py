"""The unit of an evaluation as a Prefect task, and what it finds of its evaluation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prefect import task
from prefect.blocks.system import Secret
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.context import TaskRunContext
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_API_URL

from tasks.crew import Crew
from tasks.local_station import Here
from tasks.remote_station import There
from tasks.session import listeners
from tasks.stations import Job, Station
from vmpool.errors import UsageError
from vmpool.eval_command import Where, secret_block
from vmpool.evals import Board, Unit
from vmpool.guest import windows
from vmpool.guest.connection import Address
from vmpool.guest.evals import Site
from vmpool.guest.lines import Lines
from vmpool.guest.shell import Shell
from vmpool.guest.stream import Source
from vmpool.guest.tunnel import Tunnel
from vmpool.masking import uncoloured, without
from vmpool.model import Phase
from vmpool.timing import Span

MOST_LOGGED_LINES = 2000
"""Of one unit, in Prefect's log; a client that says more is read in its file."""
OUTPUT = ".log"
"""End of the file beside a unit's folder that holds all that its command printed."""


@dataclass
class Evaluation:
    """One evaluation that is going on.

    Attributes:
        job: what is run.
        board: the units.
        units: the same by name.
        crew: who does them.
        spans: phases and units, as they ended.
    """

    job: Job
    board: Board
    units: dict[str, Unit]
    crew: Crew
    spans: list[Span] = field(default_factory=list)

    def listen(self, span: Span) -> None:
        """Keep what has ended."""
        if span.ended:
            self.spans.append(span)


_current: ContextVar[Evaluation] = ContextVar("evaluation")


@contextmanager
def begun(job: Job, units: tuple[Unit, ...]) -> Iterator[Evaluation]:
    """An evaluation that tasks called in the block belong to; enter its crew inside the block."""
    board = Board(units)
    crew = Crew(board, partial(open_station, job), _perform, job.clock)
    found = Evaluation(job, board, {unit.name: unit for unit in units}, crew)
    token, heard = _current.set(found), listeners.set((*listeners.get(), found.listen))
    try:
        yield found
    finally:
        listeners.reset(heard)
        _current.reset(token)


def new_run_mark(run_id: uuid.UUID | str | None) -> str:
    """The mark of a run's processes and folders: the same when the run is retried."""
    return uuid.UUID(str(run_id)).hex[:12] if run_id else uuid.uuid4().hex[:12]


async def secret_values(names: tuple[str, ...]) -> dict[str, str]:
    """Values of secret variables, from Prefect's Secret blocks.

    Args:
        names: of the variables.

    Raises:
        UsageError: there is no such block, or it holds no text.
    """
    found = {}
    for name in names:
        block = secret_block(name)
        try:
            loaded: Any = await Secret.aload(block)
        except ValueError as error:
            where = PREFECT_API_URL.value() or "this Prefect"
            raise UsageError(
                f"{where} has no Secret block {block!r} for {name}: create it in its UI (Blocks)"
            ) from error
        value = loaded.get()
        if not isinstance(value, str) or "\n" in value:
            raise UsageError(f"Secret block {block!r} holds no single line of text")
        found[name] = value
    return found


async def open_station(job: Job, worker: str, address: Address) -> Station:
    """Open the way to a worker.

    Raises:
        GuestUnreachableError: it can't be reached.
    """
    if job.command.where is Where.LOCAL:
        ports = (windows.WAA_PORT, windows.VIEWER_PORT)
        return Here(job, worker, await job.call(lambda: Tunnel(address, *ports)))
    site = Site(address, job.run, job.command.where is Where.CONTAINER)
    return There(job, worker, site, Shell(address))


def _once(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    """A unit that was done stays done when its flow run is retried, by whichever worker."""
    return f"{context.task_run.flow_run_id}:eval-unit:{parameters['unit']}"


ONCE = CacheKeyFnPolicy(cache_key_fn=_once)


@task(
    name=Phase.EVAL_UNIT.value,
    task_run_name="{worker}: {unit}",
    cache_policy=ONCE,
    persist_result=True,
)
async def run_unit(worker: str, unit: str) -> None:
    """Do one unit on one worker; its output goes to the log and into a file.

    Not retried: what failed is a result, and the unit of a lost worker is given to another one.

    Args:
        worker: worker name.
        unit: name of the unit.

    Raises:
        GuestUnreachableError: the worker is lost.
        PermanentError: the command failed.
    """
    evaluation, log = _current.get(), get_run_logger()
    what = evaluation.units[unit]
    whole = evaluation.job.folder / f"{unit}{OUTPUT}"
    whole.parent.mkdir(parents=True, exist_ok=True)
    said = 0

    def tell(_source: Source, line: str) -> None:
        nonlocal said
        said += 1
        if said <= MOST_LOGGED_LINES:
            shown = without(uncoloured(line), evaluation.job.secrets.values())
            log.info("%s: %s", worker, shown, extra={"is_output": True})
        elif said == MOST_LOGGED_LINES + 1:
            log.warning("%s: more output of %s is in %s only", worker, unit, whole)

    lines = Lines(tell)
    with whole.open("wb") as file:

        def hear(source: Source, data: bytes) -> None:
            file.write(data)
            file.flush()
            lines.hear(source, data)

        try:
            await evaluation.crew.stations[worker].do(what, evaluation.board.tries(what), hear)
        finally:
            lines.close()


async def _perform(worker: str, unit: str) -> None:
    await run_unit(worker, unit)
