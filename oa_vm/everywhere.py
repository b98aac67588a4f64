"""One command on many workers at once: `pool-exec`. Output is shown as it comes, by worker."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TextIO

from oa_vm.output import give_up
from vmpool.errors import VmPoolError
from vmpool.guest.connection import Address
from vmpool.guest.lines import Lines
from vmpool.guest.stream import Hear, Source, stream


@dataclass
class Outcome:
    """What a command left on one worker.

    Attributes:
        exit_code: None when the worker could not be reached, or was lost on the way.
        error: why.
        heard: its output by source.
    """

    exit_code: int | None = None
    error: VmPoolError | None = None
    heard: dict[Source, bytearray] = field(
        default_factory=lambda: {source: bytearray() for source in Source}
    )

    @property
    def trouble(self) -> str:
        """What went wrong, "" if nothing did."""
        if self.error:
            return str(self.error)
        return f"exit code {self.exit_code}" if self.exit_code else ""

    def document(self, worker: str) -> dict[str, Any]:
        """As `--json` shows it."""
        words = {source.value: bytes(data).decode(errors="replace") for source, data in
                 self.heard.items()}  # fmt: skip
        error = str(self.error) if self.error else None
        return {"worker": worker, "exit_code": self.exit_code, **words, "error": error}


def run_everywhere(
    addresses: Mapping[str, Address], argv: Sequence[str], *, shown: bool
) -> dict[str, Outcome]:
    """Run a program on workers, all at once.

    Args:
        addresses: the workers.
        argv: program and arguments; they arrive as they are.
        shown: show output as it comes; otherwise it is only kept.

    Returns:
        What it left, by worker.
    """
    outcomes = {worker: Outcome() for worker in sorted(addresses)}
    end = threading.Event()
    screen = Screen(max(len(worker) for worker in outcomes))

    def run(worker: str) -> None:
        outcome, voice = outcomes[worker], Lines(partial(screen.print, worker))
        hear = voice.hear if shown else _keeper(outcome)
        try:
            outcome.exit_code = stream(addresses[worker], argv, hear, end.is_set)
        except VmPoolError as error:
            outcome.error = error
        voice.close()

    with ThreadPoolExecutor(len(outcomes)) as threads:
        try:
            list(threads.map(run, outcomes))
        except BaseException:  # Ctrl-C: what runs is cut
            end.set()
            raise
    return outcomes


def _keeper(outcome: Outcome) -> Hear:
    def hear(source: Source, data: bytes) -> None:
        outcome.heard[source] += data

    return hear


class Screen:
    """Whole lines of many workers on our two outputs, never mixed within a line.

    Args:
        width: of the longest worker name.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._lock = threading.Lock()

    def print(self, worker: str, source: Source, line: str) -> None:
        """Print a line of a worker."""
        to: TextIO = sys.stdout if source is Source.OUT else sys.stderr
        with self._lock:
            try:
                to.write(f"{worker:{self._width}} | {line}\n")
                to.flush()
            except OSError:  # the command goes on: it may do more than talk
                give_up(to)
