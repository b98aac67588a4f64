"""Every worker's phase while an operation runs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from vmpool.model import Phase
from vmpool.timing import INTERRUPTED, Listener, Span, minutes

EXPECTED_PHASES = {
    "pool-create": 9,
    "pool-resume": 8,
    "pool-pause": 2,
    "pool-cleanup": 1,
    "image-create": 16,
    "image-refresh": 16,
    "image-delete": 1,
}
"""Phases that a worker goes through, by flow: how long its bar is."""
POOL_PHASES = frozenset(
    {Phase.FIND_CAPACITY, Phase.DELETE_NETWORK, Phase.PROMOTE_IMAGE, Phase.DELETE_IMAGE}
)
"""Phases of the pool as a whole: its bar has one step."""
LAST_PHASES = frozenset({Phase.OPEN_TUNNEL, Phase.DEALLOCATE_VM, Phase.DELETE_WORKER})
"""A worker is there when one of these is done, however short its way was."""


ENDING_STYLES = {"done": "green", "retrying": "yellow", "interrupted": "dim", "failed": "red"}
"""Only what failed for good is red: what is tried again or was called off is no trouble yet."""


class Board:
    """One row per worker, fed by spans.

    Args:
        progress: the live display.
        expected: phases per worker.
        speed: cloud seconds per wall second, to let the clock tick between events.
    """

    def __init__(self, progress: Progress, expected: int, speed: float) -> None:
        self._progress = progress
        self._expected = expected
        self._speed = speed
        self._rows: dict[str, TaskID] = {}
        self._running: dict[str, list[Phase]] = {}
        self._began: dict[str, float] = {}
        self._lock = threading.Lock()

    def listen(self, span: Span) -> None:
        """Take in the start or end of a phase."""
        with self._lock:
            row = self._row(span)
            running = self._running[span.worker]
            if span.ended is None:
                running.append(span.phase)
            else:
                running.remove(span.phase)
                self._advance(row, span)
            self._progress.update(row, phase=self._words(span, running))

    def tick(self) -> None:
        """Let the elapsed times move on."""
        with self._lock:
            for worker, row in self._rows.items():
                if self._running[worker]:
                    elapsed = (time.monotonic() - self._began[worker]) * self._speed
                    self._progress.update(row, elapsed_text=minutes(elapsed))

    def _advance(self, row: TaskID, span: Span) -> None:
        if span.error:
            return
        if span.phase in LAST_PHASES:
            self._progress.update(row, completed=self._progress.tasks[row].total)
        else:
            self._progress.advance(row)

    def _row(self, span: Span) -> TaskID:
        worker = span.worker
        if worker not in self._rows:
            total = 1 if span.phase in POOL_PHASES else self._expected
            self._rows[worker] = self._progress.add_task(
                worker, total=total, phase="", elapsed_text="0:00"
            )
            self._running[worker] = []
            self._began[worker] = time.monotonic()
        return self._rows[worker]

    @staticmethod
    def _words(span: Span, running: list[Phase]) -> str:
        if running:
            return " + ".join(running)
        return f"[{ENDING_STYLES[span.ending]}]{span.phase} {span.ending}[/]"


def _plain(console: Console) -> Listener:
    def tell(span: Span) -> None:
        if span.ended is None:
            line = f"{span.worker}: {span.phase} ..."
        elif span.error:
            why = f": {span.error}" if span.error != INTERRUPTED else ""
            line = f"{span.worker}: {span.phase} {span.ending} after {minutes(span.seconds)}{why}"
        else:
            note = f" ({span.detail})" if span.detail else ""
            line = f"{span.worker}: {span.phase} done in {minutes(span.seconds)}{note}"
        console.print(Text(line), soft_wrap=True)

    return tell


@contextmanager
def shown(flow: str, console: Console, speed: float) -> Iterator[Listener]:
    """Show progress while the block runs; yields the listener to feed.

    Args:
        flow: the flow's name.
        console: where to draw; stderr, so that stdout stays clean.
        speed: cloud seconds per wall second.
    """
    if not console.is_terminal:
        yield _plain(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=18),
        TextColumn("{task.fields[elapsed_text]:>6}", style="dim"),
        TextColumn("{task.fields[phase]}"),
    )
    with Progress(*columns, console=console, refresh_per_second=8) as progress:
        board = Board(progress, EXPECTED_PHASES.get(flow, 1), speed)
        stop = threading.Event()
        ticker = threading.Thread(target=_keep_ticking, args=(board, stop), daemon=True)
        ticker.start()
        try:
            yield board.listen
        finally:
            stop.set()
            ticker.join()


def _keep_ticking(board: Board, stop: threading.Event) -> None:
    while not stop.wait(0.2):
        board.tick()
