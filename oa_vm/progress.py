"""Every worker's phase while an operation runs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn
from rich.text import Text

from oa_vm.output import Paper
from vmpool.forecast import LAST_PHASES, Forecast, Live
from vmpool.model import Phase
from vmpool.progress import EXPECTED_PHASES, percent
from vmpool.timing import INTERRUPTED, Listener, Span, minutes, short_worker

POOL_PHASES = frozenset(
    {Phase.FIND_CAPACITY, Phase.DELETE_NETWORK, Phase.PROMOTE_IMAGE, Phase.DELETE_IMAGE}
)
"""Phases of the pool as a whole: its bar has one step."""
LONGEST_LABEL = 24
"""Letters that fit beside worker, bar and time in 80 columns."""
BAR_COLUMNS, TIME_COLUMNS, GAPS = 10, 6, 3
ENDING_STYLES = {"done": "green", "retrying": "yellow", "interrupted": "dim", "failed": "red"}
"""Only what failed for good is red: what is tried again or was called off is no trouble yet."""


class ByName(Progress):
    """The first row, then the others by their names: they begin in any order."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """All rows as one table."""
        whole, others = self.tasks[:1], self.tasks[1:]
        yield self.make_tasks_table(whole + sorted(others, key=lambda task: task.description))


class Board:
    """One row per worker, fed by spans, and one that says how long it all will take.

    Args:
        progress: the live display.
        flow: the flow's name.
        forecast: what to expect.
        speed: cloud seconds per wall second, to let the clock tick between events.
    """

    def __init__(self, progress: Progress, flow: str, forecast: Forecast, speed: float) -> None:
        self._progress = progress
        self._flow = flow
        self._forecast = forecast
        self._speed = speed
        self._live = Live()
        self._rows: dict[str, TaskID] = {}
        self._began: dict[str, datetime] = {}
        self._heard, self._heard_at = datetime.now(UTC), time.monotonic()
        self._lock = threading.Lock()
        self._whole = progress.add_task(
            "all workers", total=100, phase="", elapsed_text="", visible=False
        )

    def listen(self, span: Span) -> None:
        """Take in the start or end of a phase."""
        with self._lock:
            self._heard, self._heard_at = span.ended or span.started, time.monotonic()
            self._live.listen(span)
            row = self._row(span)
            if span.ended:
                self._advance(row, span)
            self._show(span.worker, row)

    def tick(self) -> None:
        """Let the elapsed times move on."""
        with self._lock:
            for worker, row in self._rows.items():
                if self._live.running(worker):
                    self._show(worker, row)
            self._show_whole()

    def close(self) -> None:
        """Nothing is expected any more."""
        self._progress.update(self._whole, visible=False)

    def _now(self) -> datetime:
        passed = (time.monotonic() - self._heard_at) * self._speed
        return self._heard + timedelta(seconds=passed)

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
            total = 1 if span.phase in POOL_PHASES else EXPECTED_PHASES.get(self._flow, 1)
            self._rows[worker] = self._progress.add_task(
                short_worker(worker), total=total, phase="", elapsed_text=""
            )
            self._began[worker] = span.started
        return self._rows[worker]

    def _show(self, worker: str, row: TaskID) -> None:
        spans, now = self._live.of(worker), self._now()
        running = [span for span in spans if span.ended is None]
        way = self._forecast.scenario(spans)
        elapsed = minutes((now - self._began[worker]).total_seconds())
        words = self._fitting([self._words(span, way, now) for span in running])
        self._progress.update(row, phase=words or _ended(spans[-1]), elapsed_text=elapsed)

    def _words(self, span: Span, way: str, now: datetime) -> tuple[str, str, str]:
        """`wait-for-ssh`, ` 0:40`, `/1:05`: the phase, how long it runs, its median before."""
        expected = self._forecast.expected_seconds(way, span.phase)
        usual = "" if expected is None else f"/{minutes(expected)}"
        return _label(span), f" {minutes((now - span.started).total_seconds())}", usual

    def _fitting(self, running: Sequence[tuple[str, str, str]]) -> str:
        """All that runs at once; figures are left out before a name would be cut."""
        names = max((len(task.description) for task in self._progress.tasks), default=0)
        room = self._progress.console.width - names - BAR_COLUMNS - TIME_COLUMNS - GAPS
        for parts in (3, 2):
            words = " + ".join("".join(it[:parts]) for it in running)
            if len(words) <= room:
                return words
        return " + ".join(name for name, _, _ in running)

    def _show_whole(self) -> None:
        now = self._now()
        left = self._forecast.pool_seconds_left(self._live, now) if self._live.workers else None
        if left is None:
            self._progress.update(self._whole, visible=False)
        else:
            done = percent(self._flow, self._live, self._forecast, now)
            words = f"about {minutes(left)} min left" if left >= 1.0 else "almost done"
            self._progress.update(self._whole, completed=done, phase=words, visible=True)


def _ended(span: Span) -> str:
    return f"[{ENDING_STYLES[span.ending]}]{_label(span)} {span.ending}[/]"


def _label(span: Span) -> str:
    """The phase or unit; of a unit's long name the end, which tells it from others."""
    return span.label if len(span.label) <= LONGEST_LABEL else f"...{span.label[-LONGEST_LABEL:]}"


def _plain(console: Paper) -> Listener:
    def tell(span: Span) -> None:
        if span.phase is Phase.EVAL_UNIT:  # the evaluation says it in its log
            return
        if span.ended is None:
            line = f"{span.worker}: {span.phase} ..."
        elif span.error:
            why = f": {span.error}" if span.error != INTERRUPTED else ""
            line = f"{span.worker}: {span.phase} {span.ending} after {minutes(span.seconds)}{why}"
        else:
            note = f" ({span.detail})" if span.detail else ""
            line = f"{span.worker}: {span.phase} done in {minutes(span.seconds)}{note}"
        console.print(Text(line))

    return tell


def columns() -> Sequence[ProgressColumn]:
    """Worker, bar, time, phase."""
    return (
        TextColumn("{task.description}"),
        BarColumn(bar_width=BAR_COLUMNS),
        TextColumn(f"{{task.fields[elapsed_text]:>{TIME_COLUMNS}}}", style="dim"),
        TextColumn("{task.fields[phase]}"),
    )


@contextmanager
def shown(flow: str, console: Paper, forecast: Forecast, speed: float) -> Iterator[Listener]:
    """Show progress while the block runs; yields the listener to feed.

    Args:
        flow: the flow's name.
        console: where to draw; stderr, so that stdout stays clean.
        forecast: what to expect.
        speed: cloud seconds per wall second.
    """
    if not console.is_terminal:
        yield _plain(console)
        return
    with ByName(*columns(), console=console, refresh_per_second=8) as progress:
        board = Board(progress, flow, forecast, speed)
        stop = threading.Event()
        ticker = threading.Thread(target=_keep_ticking, args=(board, stop), daemon=True)
        ticker.start()
        try:
            yield board.listen
        finally:
            stop.set()
            ticker.join()
            board.close()


def _keep_ticking(board: Board, stop: threading.Event) -> None:
    while not stop.wait(0.2):
        board.tick()
