"""How far a run is, in one number and one line."""

from __future__ import annotations

from datetime import datetime

from vmpool.forecast import Forecast, Live, is_done
from vmpool.timing import minutes

EXPECTED_PHASES = {
    "pool-create": 9,
    "pool-resume": 8,
    "pool-pause": 2,
    "pool-cleanup": 1,
    "pool-eval": 10,
    "image-create": 16,
    "image-refresh": 16,
    "image-delete": 1,
}
"""Phases that a worker goes through, by flow: how long its bar is."""
MOST_PERCENT = 99.0
"""A run that has not ended is not done, whatever was expected of it."""


def percent(flow: str, live: Live, forecast: Forecast, now: datetime) -> float:
    """How much of a run is done.

    Args:
        flow: the flow's name.
        live: what has begun and ended.
        forecast: what to expect; without history the phases that ended are counted.
        now: cloud time.
    """
    spans = [span for name in live.workers for span in live.of(name)]
    if not spans:
        return 0.0
    left = forecast.pool_seconds_left(live, now)
    if left is None:
        expected = EXPECTED_PHASES.get(flow, 1) * len(live.workers)
        return min(100.0 * sum(bool(span.ended) for span in spans) / expected, MOST_PERCENT)
    elapsed = (now - min(span.started for span in spans)).total_seconds()
    return min(100.0 * elapsed / max(elapsed + left, 1.0), MOST_PERCENT)


def said(flow: str, live: Live, forecast: Forecast, now: datetime) -> str:
    """The line beside it: what is done, and what is left if history can tell."""
    names = [name for name in live.workers if name != forecast.pool]
    done = sum(is_done(live.of(name)) for name in names)
    left = forecast.pool_seconds_left(live, now)
    counted = f"{flow}: {done} of {len(names)} workers done"
    return counted if left is None else f"{counted}, about {minutes(left)} min left"
