"""What earlier runs took: percentiles per scenario and phase, and what of a run was too long.

A run is kept as the rows of its table artifact: those that people read, with a few columns more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from vmpool.model import Phase
from vmpool.scenario import aim_of, goal_minutes, order, scenarios
from vmpool.timing import Span, makespan_seconds, minutes, whole_rows

FEWEST_RUNS = 5
"""Runs of a scenario before anything is called too long: p95 of fewer is their longest."""
START = datetime(1970, 1, 1, tzinfo=UTC)
"""Where the spans of a kept run begin: rows hold seconds since the run's first phase."""


@dataclass(frozen=True)
class Run:
    """One run of a flow that has ended.

    Attributes:
        pool: the pool's name.
        at: when it ended (wall clock of the Prefect server).
        spans: its ended spans.
        scenarios: what each worker, and the pool, is compared with; "" with nothing.
    """

    pool: str
    at: datetime
    spans: tuple[Span, ...]
    scenarios: Mapping[str, str]

    @property
    def scenario(self) -> str:
        """What the run as a whole is compared with, "" with nothing."""
        return self.scenarios.get(self.pool, "")

    @cached_property
    def is_whole(self) -> bool:
        """Whether every phase of every worker ended well, at the last try."""
        last = {(span.worker, span.phase): span for span in self.spans}
        return all(not span.error for span in last.values())

    @property
    def seconds(self) -> float:
        """Cloud seconds of the whole run."""
        return makespan_seconds(self.spans)

    def of(self, worker: str) -> tuple[Span, ...]:
        """Spans of one worker."""
        return tuple(span for span in self.spans if span.worker == worker)


def run_of(flow: str, pool: str, spans: Iterable[Span], at: datetime = START) -> Run:
    """A run as it was recorded."""
    ended = sorted((span for span in spans if span.ended), key=lambda span: span.started)
    return Run(pool, at, tuple(ended), scenarios(flow, pool, ended))


def headline(flow: str, run: Run) -> str:
    """One line: how long the run took beside the goal, or the figure by hand, of its scenario."""
    took, aim = f"{flow} took {minutes(run.seconds)} min", aim_of(run.scenario)
    return f"{took} ({run.scenario}, {aim.word}: {aim.minutes:g} min)" if aim else took


def stored(run: Run, over: frozenset[Span] = frozenset()) -> list[dict[str, Any]]:
    """The rows of a run's table artifact; `restored` reads them.

    Args:
        run: what ended.
        over: its spans that took too long.
    """
    origin = min((span.started for span in run.spans), default=START)
    ordered = sorted(run.spans, key=lambda span: (span.worker, span.started))
    return [
        row
        | {
            "scenario": run.scenarios.get(span.worker) or run.scenario,
            "ending": span.ending,
            "began_seconds": round((span.started - origin).total_seconds(), 3),
            "took_seconds": round(span.seconds, 3),
        }
        for span, row in zip(ordered, whole_rows(ordered, over), strict=True)
    ]


def restored(pool: str, at: datetime, rows: Sequence[Mapping[str, Any]]) -> Run | None:
    """The run whose table this is, None if it is not one of ours.

    Args:
        pool: the pool's name.
        at: when it ended.
        rows: the table.
    """
    try:
        spans = tuple(sorted(map(_span, rows), key=lambda span: span.started))
        ways = {str(row["worker"]): str(row["scenario"]) for row in rows}
    except (KeyError, TypeError, ValueError):
        return None
    return Run(pool, at, spans, {pool: min(ways.values(), key=order, default=""), **ways})


def _span(row: Mapping[str, Any]) -> Span:
    started = START + timedelta(seconds=float(row["began_seconds"]))
    ended = started + timedelta(seconds=float(row["took_seconds"]))
    ending, outcome = str(row["ending"]), str(row["outcome"])
    error = "" if ending == "done" else outcome
    is_retried = ending == "retrying"
    return Span(str(row["worker"]), Phase(row["phase"]), started, ended, error, outcome, is_retried)


def percentile(values: Sequence[float], share: float) -> float:
    """A percentile, interpolated between its two neighbours.

    Args:
        values: at least one.
        share: 0.95 for p95.
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@dataclass(frozen=True)
class Figures:
    """How long something took.

    Attributes:
        runs: how many runs had it.
        p50: cloud seconds, the median.
        p95: cloud seconds that 19 of 20 stayed below.
    """

    runs: int
    p50: float
    p95: float


def figures(values: Sequence[float], runs: int) -> Figures:
    """Figures of at least one duration in seconds."""
    return Figures(runs, percentile(values, 0.5), percentile(values, 0.95))


@dataclass(frozen=True)
class History:
    """The last runs, the newest first."""

    runs: tuple[Run, ...] = ()

    @cached_property
    def scenarios(self) -> tuple[str, ...]:
        """Scenarios that occur, from the longest to the shortest, other flows after them."""
        found = {run.scenario for run in self.runs} | {way for way, _ in self.phases}
        return tuple(sorted(found - {""}, key=order))

    @cached_property
    def totals(self) -> dict[str, Figures]:
        """By scenario the whole run, where every worker ended well."""
        found: dict[str, list[float]] = defaultdict(list)
        for run in self.runs:
            if run.is_whole and run.scenario:
                found[run.scenario].append(run.seconds)
        return {way: figures(values, len(values)) for way, values in found.items()}

    @cached_property
    def phases(self) -> dict[tuple[str, Phase], Figures]:
        """By scenario and phase, over the workers that went that way."""
        found: dict[tuple[str, Phase], list[float]] = defaultdict(list)
        seen: dict[tuple[str, Phase], set[int]] = defaultdict(set)
        for number, run in enumerate(self.runs):
            for span in run.spans:
                way = run.scenarios.get(span.worker, "")
                if way and not span.error:
                    found[way, span.phase].append(span.seconds)
                    seen[way, span.phase].add(number)
        return {key: figures(values, len(seen[key])) for key, values in found.items()}

    def of(self, scenario: str) -> dict[Phase, Figures]:
        """Figures of a scenario's phases, in their order."""
        return {
            phase: self.phases[scenario, phase]
            for phase in Phase
            if (scenario, phase) in self.phases
        }

    def over(self, run: Run) -> frozenset[Span]:
        """Phases that ended well but took longer than p95 of this history."""
        return frozenset(span for span in run.spans if self._is_over(span, run))

    def _is_over(self, span: Span, run: Run) -> bool:
        p95 = self.p95_seconds(run.scenarios.get(span.worker, ""), span.phase)
        return p95 is not None and not span.error and span.seconds > p95

    def p95_seconds(self, scenario: str, phase: Phase) -> float | None:
        """What 19 of 20 stayed below, None while too few runs have had the phase."""
        known = self.phases.get((scenario, phase))
        return known.p95 if known and known.runs >= FEWEST_RUNS else None

    def document(self) -> dict[str, Any]:
        """The history as `timings --json` shows it; durations in cloud seconds."""
        return {
            "scenarios": [self._scenario(way) for way in self.scenarios],
            "runs": [
                {
                    "pool": run.pool,
                    "ended_at": run.at.isoformat(),
                    "scenario": run.scenario or None,
                    "seconds": round(run.seconds, 1),
                    "workers": len({span.worker for span in run.spans} - {run.pool}),
                    "is_whole": run.is_whole,
                }
                for run in self.runs
            ],
        }

    def _scenario(self, way: str) -> dict[str, Any]:
        return {
            "scenario": way,
            "goal_minutes": goal_minutes(way),
            "total": _plain(self.totals.get(way)),
            "phases": [
                {"phase": phase.value, **(_plain(known) or {})}
                for phase, known in self.of(way).items()
            ],
        }


def _plain(known: Figures | None) -> dict[str, float] | None:
    if known is None:
        return None
    p50, p95 = round(known.p50, 1), round(known.p95, 1)
    return {"runs": known.runs, "p50_seconds": p50, "p95_seconds": p95}
