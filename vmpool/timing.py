"""Where the minutes went: spans of phases, on the cloud's clock, and the table people read.

Recording hangs on the start and end of a phase, outside the work itself; whoever wants to see the
phases live (a progress display, events) listens. Drawing is in `vmpool.chart`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from textwrap import wrap

from vmpool.clock import CloudClock
from vmpool.model import Phase

ALL_DOCKER, ALL_WINDOWS = "5-10 Docker", "15-25 Windows"
"""Of several phases together."""
BY_HAND_MINUTES: dict[Phase, str] = {
    Phase.FIND_CAPACITY: "2-5",
    Phase.CREATE_VM: "5",
    Phase.WAIT_FOR_SSH: "1-2",
    Phase.PREPARE_DOCKER: ALL_DOCKER,
    Phase.PULL_IMAGE: ALL_DOCKER,
    Phase.BUILD_IMAGE: ALL_DOCKER,
    Phase.START_WAA: ALL_WINDOWS,
    Phase.WAIT_FOR_WAA: ALL_WINDOWS,
    Phase.OPEN_TUNNEL: "<1",
}
"""Minutes of each phase when somebody sets up a VM of bare Ubuntu by hand."""

BY_HAND_TOTAL_MINUTES = 42
"""All of them: cold, bare Ubuntu."""

INTERRUPTED = "interrupted"
"""Error of a phase that was cancelled: it did not fail by itself."""
OVER = "over p95"
"""Mark of a phase that took longer than 19 of 20 before it."""
COLUMNS, GAP = 80, 2
"""Width of a terminal, and of the space between two columns of a table there."""
FEWEST_COLUMNS = 10
"""An outcome in a narrower column says nothing."""
MOST_LINES = 3
"""Of one outcome: a note fits, an error is cut."""
LONGEST_WORKER = 18
"""Letters of a worker's name that leave room for every phase in 80 columns."""


@dataclass(frozen=True)
class Span:
    """One phase of one worker.

    Attributes:
        worker: worker name, or the pool's for a phase of the whole pool.
        phase: which phase.
        started: cloud time.
        ended: cloud time, None while it runs.
        error: one line if it failed, else "".
        detail: what the phase says of itself, for example "was true already".
        is_retried: whether it failed but will be tried again.
    """

    worker: str
    phase: Phase
    started: datetime
    ended: datetime | None = None
    error: str = ""
    detail: str = ""
    is_retried: bool = False

    @property
    def label(self) -> str:
        """The phase; of an evaluation's unit, which one."""
        return self.detail if self.phase is Phase.EVAL_UNIT else self.phase.value

    @property
    def ending(self) -> str:
        """How it ended, in one word: done, failed, retrying or interrupted."""
        if not self.error:
            return "done"
        if self.error == INTERRUPTED:
            return INTERRUPTED
        return "retrying" if self.is_retried else "failed"

    @property
    def seconds(self) -> float:
        """Cloud seconds; 0 while it runs."""
        return (self.ended - self.started).total_seconds() if self.ended else 0.0


Listener = Callable[[Span], None]
"""Told each span when it starts (`ended` is None) and again when it ends."""


class Recorder:
    """Collects the spans of one run; safe to use from many threads.

    Args:
        clock: the cloud's clock.
        listeners: told of every start and end.
    """

    def __init__(self, clock: CloudClock, listeners: Sequence[Listener] = ()) -> None:
        self._clock = clock
        self._listeners = tuple(listeners)
        self._lock = threading.Lock()
        self._spans: list[Span] = []
        self._details: dict[tuple[str, Phase], list[str]] = {}
        self.started = clock.now()

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every span that has ended, in the order of their starts."""
        with self._lock:
            return tuple(sorted(self._spans, key=lambda span: span.started))

    def note(self, worker: str, phase: Phase, detail: str) -> None:
        """Say something about a running phase, like "was true already"."""
        self._details.setdefault((worker, phase), []).append(detail)

    @contextmanager
    def span(
        self, worker: str, phase: Phase, will_retry: Callable[[Exception], bool] = lambda _: False
    ) -> Iterator[None]:
        """Time one phase.

        Args:
            worker: worker name, or the pool's.
            phase: which phase.
            will_retry: whether it will be tried again after a failure.
        """
        begun = Span(worker, phase, self._clock.now())
        self._tell(begun)
        ending = replace(begun, error=INTERRUPTED)
        try:
            yield
            ending = begun
        except Exception as failure:
            error = str(failure) or type(failure).__name__
            ending = replace(begun, error=error, is_retried=will_retry(failure))
            raise
        finally:
            self._finish(ending)

    def _finish(self, span: Span) -> None:
        details = self._details.pop((span.worker, span.phase), [])
        done = replace(span, ended=self._clock.now(), detail="; ".join(details))
        with self._lock:
            self._spans.append(done)
        self._tell(done)

    def _tell(self, span: Span) -> None:
        for listener in self._listeners:
            listener(span)


def makespan_seconds(spans: Sequence[Span]) -> float:
    """Cloud seconds from the first start to the last end."""
    ends = [span.ended for span in spans if span.ended]
    if not ends:
        return 0.0
    return (max(ends) - min(span.started for span in spans)).total_seconds()


def longest_worker_seconds(spans: Sequence[Span]) -> float:
    """Cloud seconds of the worker that took longest, from its own first start to its last end."""
    names = {span.worker for span in spans}
    return max(
        (makespan_seconds([span for span in spans if span.worker == name]) for name in names),
        default=0.0,
    )


def minutes(seconds: float) -> str:
    """`1:05` for 65 seconds: minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def short_worker(name: str) -> str:
    """A worker's name without the middle of a long pool's: its number is what tells it apart."""
    return name if len(name) <= LONGEST_WORKER else f"{name[: LONGEST_WORKER - 6]}...{name[-3:]}"


def rows(
    spans: Sequence[Span], over: frozenset[Span] = frozenset(), columns: int = COLUMNS
) -> list[dict[str, str]]:
    """The table: a row per worker and phase, with what it takes by hand beside ours.

    Outcomes have few lines, broken between words; all of them stands in the run's log.

    Args:
        spans: what ended.
        over: those that took longer than almost always before.
        columns: of the terminal.
    """
    whole = [row | {"worker": short_worker(row["worker"])} for row in whole_rows(spans, over)]
    others = [key for key in whole[0] if key != "outcome"] if whole else []
    taken = sum(GAP + max(len(key), *(len(row[key]) for row in whole)) for key in others)
    room = max(columns - taken, FEWEST_COLUMNS)
    return [row | {"outcome": _folded(row["outcome"], room)} for row in whole]


def whole_rows(spans: Sequence[Span], over: frozenset[Span] = frozenset()) -> list[dict[str, str]]:
    """The same with names and outcomes uncut."""
    origin = min((span.started for span in spans), default=None)
    return [
        {
            "worker": span.worker,
            "phase": span.phase.value,
            "began": minutes((span.started - origin).total_seconds()) if origin else "",
            "took": minutes(span.seconds),
            "by hand (min)": BY_HAND_MINUTES.get(span.phase, ""),
            "outcome": f"{OVER}; {_outcome(span)}" if span in over else _outcome(span),
        }
        for span in sorted(spans, key=lambda span: (span.worker, span.started))
    ]


def _outcome(span: Span) -> str:
    if span.ending in ("failed", "retrying"):
        return f"{span.ending}: {span.error}"
    return span.error or span.detail or "done"


def _folded(text: str, room: int) -> str:
    return "\n".join(wrap(text, room, max_lines=MOST_LINES, placeholder="..."))
