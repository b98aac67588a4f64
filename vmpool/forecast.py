"""How long what runs now will still take, told from how long it took before.

What is left is reckoned from the phases that run, not by adding up phases to come: phases of a
worker overlap, and what came after the same phase before includes every overlap and every gap.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from vmpool.history import History, Run, percentile
from vmpool.model import Phase
from vmpool.scenario import UP_FLOWS, possible
from vmpool.timing import Span

LAST_PHASES = frozenset({Phase.OPEN_TUNNEL, Phase.DEALLOCATE_VM, Phase.DELETE_WORKER})
"""A worker is there when one of these is done, however short its way was."""
EVAL_FLOW, PAUSE_FLOW = "pool-eval", "pool-pause"
DOWN_PHASES = frozenset({Phase.POWER_OFF_WINDOWS, Phase.DEALLOCATE_VM})
"""With these an evaluation pauses its pool, as a pause of its own does."""


@dataclass(frozen=True)
class Left:
    """What came after a phase before: medians in cloud seconds.

    Attributes:
        from_start: until the worker's end, from the phase's start.
        from_end: the same from its end.
    """

    from_start: float
    from_end: float


class Forecast:
    """Expected times of one run of a flow.

    Args:
        history: what earlier runs took.
        flow: the flow's name.
        pool: the pool's name, under which its own phases stand.
    """

    def __init__(self, history: History, flow: str, pool: str) -> None:
        self._history = history
        self._flow = flow
        self.pool = pool
        self._left = _left(history.runs)

    def scenario(self, spans: Sequence[Span]) -> str:
        """The way that a worker most likely goes, "" when nothing like it went before.

        Args:
            spans: its phases so far, those that run among them.
        """
        if self._flow == EVAL_FLOW and any(span.phase in DOWN_PHASES for span in spans):
            return PAUSE_FLOW
        if self._flow not in (*UP_FLOWS, EVAL_FLOW):
            return self._flow
        open_ways = possible(spans)
        went = (way for run in self._history.runs for way in run.scenarios.values())
        return next((way for way in went if way in open_ways), "")

    def expected_seconds(self, scenario: str, phase: Phase) -> float | None:
        """Median of a phase on that way, None without history."""
        known = self._history.phases.get((scenario, phase))
        return known.p50 if known else None

    def p95_seconds(self, spans: Sequence[Span], phase: Phase) -> float | None:
        """The longest p95 of a phase on any way that is still open, None where none is known.

        Args:
            spans: the worker's phases so far, those that run among them.
            phase: which phase.
        """
        ways = possible(spans) if self._flow in UP_FLOWS else (self._flow,)
        found = [self._history.p95_seconds(way, phase) for way in ways]
        return max((seconds for seconds in found if seconds is not None), default=None)

    def seconds_left(self, spans: Sequence[Span], now: datetime) -> float | None:
        """Until a worker is done, None without history.

        Args:
            spans: its phases so far, at least one; what runs has no end.
            now: cloud time.
        """
        if is_done(spans):
            return 0.0
        way = self.scenario(spans)
        running = [span for span in spans if span.ended is None]
        looked_at = running or [max(spans, key=lambda span: span.ended or span.started)]
        found = [self._after(way, span, now) for span in looked_at]
        return max((seconds for seconds in found if seconds is not None), default=None)

    def _after(self, way: str, span: Span, now: datetime) -> float | None:
        known = self._left.get((way, span.phase))
        if known is None:
            return None
        if span.ended is None:
            elapsed = (now - span.started).total_seconds()
            return max(known.from_start - elapsed, known.from_end)
        return max(known.from_end - (now - span.ended).total_seconds(), 0.0)

    def pool_seconds_left(self, live: Live, now: datetime) -> float | None:
        """Until the last worker is done, None without history or for an evaluation's work."""
        spans = (span for name in live.workers for span in live.of(name))
        if self._flow == EVAL_FLOW or any(span.phase is Phase.EVAL_UNIT for span in spans):
            return None
        workers = [name for name in live.workers if name != self.pool] or live.workers
        found = [self.seconds_left(live.of(name), now) for name in workers]
        return max((seconds for seconds in found if seconds is not None), default=None)


def _left(runs: Iterable[Run]) -> dict[tuple[str, Phase], Left]:
    starts: dict[tuple[str, Phase], list[float]] = defaultdict(list)
    ends: dict[tuple[str, Phase], list[float]] = defaultdict(list)
    for run in runs:
        last = {name: _end(run, name) for name in run.scenarios if run.spans}
        for span in run.spans:
            way = run.scenarios.get(span.worker, "")
            if way and span.ended and not span.error:
                starts[way, span.phase].append((last[span.worker] - span.started).total_seconds())
                ends[way, span.phase].append((last[span.worker] - span.ended).total_seconds())
    return {key: Left(percentile(starts[key], 0.5), percentile(ends[key], 0.5)) for key in starts}


def _end(run: Run, name: str) -> datetime:
    """When a worker was done; a pool's own phases lead to the end of the whole run."""
    spans = run.spans if name == run.pool else run.of(name)
    return max((span.ended for span in spans if span.ended), default=run.at)


def is_done(spans: Iterable[Span]) -> bool:
    """Whether a worker has ended its last phase."""
    return any(span.ended and not span.error and span.phase in LAST_PHASES for span in spans)


class Live:
    """What has begun and what has ended of a run; a listener, safe to use from many threads."""

    def __init__(self) -> None:
        self._spans: dict[str, dict[tuple[Phase, datetime], Span]] = {}
        self._lock = threading.Lock()

    def listen(self, span: Span) -> None:
        """Take in the start or end of a phase."""
        with self._lock:
            self._spans.setdefault(span.worker, {})[span.phase, span.started] = span

    @property
    def workers(self) -> tuple[str, ...]:
        """Everybody who has begun, the pool itself among them."""
        with self._lock:
            return tuple(self._spans)

    def of(self, worker: str) -> tuple[Span, ...]:
        """Phases of a worker in the order of their starts."""
        with self._lock:
            return tuple(self._spans.get(worker, {}).values())

    def running(self, worker: str) -> tuple[Span, ...]:
        """Those of its phases that run."""
        return tuple(span for span in self.of(worker) if span.ended is None)
