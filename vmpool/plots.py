"""Bars of medians and a line of runs, drawn as SVG inside a page whose style sheet colours them.

Classes, not colours, stand in the pictures: the page has a light and a dark set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from vmpool.history import Figures, Run
from vmpool.model import Phase
from vmpool.scenario import Aim
from vmpool.timing import minutes

WIDTH, LEFT, RIGHT = 860, 150, 120
"""Pixels: the picture, the space for names, the space for figures."""
ROW, BAR, TOP = 26, 14, 38
"""Pixels: a row, its bar, the space for the axis."""
LINE_HEIGHT, LINE_TOP = 190, 24
"""Pixels of the picture of runs, and of the space above it."""
MOST_STEPS = 8
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 6000)
"""Minutes between two lines of an axis."""


def phase_bars(phases: Mapping[Phase, Figures], total: Figures | None, aim: Aim | None) -> str:
    """A bar of p50 per phase, a thin one on to p95, and the whole run with its aim below.

    Args:
        phases: figures by phase, in their order.
        total: figures of the whole run, None if none ended well.
        aim: None where there is none.
    """
    rows = [(phase.value, known, "bar") for phase, known in phases.items()]
    rows += [("whole run", total, "bar total")] if total else []
    longest = max([known.p95 for _, known, _ in rows] + [aim.seconds if aim else 0.0, 1.0])
    height = TOP + ROW * len(rows) + 8
    body = _across(longest, height)
    for number, (name, known, kind) in enumerate(rows):
        body += _bar(TOP + ROW * number, name, known, kind, longest)
    if aim:
        x = _x(aim.seconds, longest)
        body.append(f'<line class="goal" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height}"/>')
        body.append(_text(x, 12, f"{aim.word} {aim.minutes:g}", "goal-text", "middle"))
    return _svg(height, body)


def _bar(y: int, name: str, known: Figures, kind: str, longest: float) -> list[str]:
    p50, p95 = _x(known.p50, longest), _x(known.p95, longest)
    middle = y + BAR / 2
    width = max(p50 - LEFT, 1.0)
    tip = f"{name}: p50 {minutes(known.p50)}, p95 {minutes(known.p95)}, {known.runs} runs"
    return [
        f"<g><title>{escape(tip)}</title>",
        _text(LEFT - 10, y + BAR - 2, name, "name", "end"),
        f'<line class="spread" x1="{LEFT}" y1="{middle}" x2="{p95:.1f}" y2="{middle}"/>',
        f'<line class="spread" x1="{p95:.1f}" y1="{y + 2}" x2="{p95:.1f}" y2="{y + BAR - 2}"/>',
        f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>',
        _text(WIDTH, y + BAR - 2, f"{minutes(known.p50)} / {minutes(known.p95)}", "figure", "end"),
        "</g>",
    ]


def run_dots(runs: Sequence[Run], aim: Aim | None) -> str:
    """How long each run took, the oldest on the left; those in which something failed are hollow.

    Args:
        runs: at least one, the newest first.
        aim: None where there is none.
    """
    ordered = list(reversed(runs))
    top = max([run.seconds for run in ordered] + [aim.seconds if aim else 0.0, 1.0]) * 1.08
    height = LINE_TOP + LINE_HEIGHT + 24
    body = _up(top)
    if aim:
        y = _y(aim.seconds, top)
        body.append(
            f'<line class="goal" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
        )
        body.append(
            _text(WIDTH - RIGHT + 6, y + 4, f"{aim.word} {aim.minutes:g} min", "goal-text", "start")
        )
    step = (WIDTH - LEFT - RIGHT) / len(ordered)
    places = [(LEFT + step * (i + 0.5), _y(run.seconds, top), run) for i, run in enumerate(ordered)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y, run in places if run.is_whole)
    body.append(f'<polyline class="path" points="{points}"/>')
    for x, y, run in places:
        kind = "dot" if run.is_whole else "dot hollow"
        ending = "" if run.is_whole else ", not every worker ended well"
        tip = f"{run.at:%F %H:%M} UTC, {run.pool}: {minutes(run.seconds)} min{ending}"
        body.append(
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4">'
            f"<title>{escape(tip)}</title></circle>"
        )
    for x, _, run in places[:: max(len(places) - 1, 1)]:
        body.append(_text(x, height - 6, f"{run.at:%b %d, %H:%M}", "axis-text", "middle"))
    return _svg(height, body)


def _x(seconds: float, longest: float) -> float:
    return LEFT + seconds / longest * (WIDTH - LEFT - RIGHT)


def _y(seconds: float, top: float) -> float:
    return LINE_TOP + LINE_HEIGHT * (1 - seconds / top)


def _marks(seconds: float) -> list[float]:
    """Round minutes from 0 to at most `seconds`."""
    step = next((it for it in STEPS if seconds / 60 / it <= MOST_STEPS), STEPS[-1])
    return [step * number for number in range(int(seconds / 60 / step) + 1)]


def _across(longest: float, height: int) -> list[str]:
    drawn = []
    for mark in _marks(longest):
        x = _x(mark * 60, longest)
        drawn.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height}"/>')
        drawn.append(_text(x, TOP - 10, f"{mark:g}", "axis-text", "middle"))
    return drawn


def _up(top: float) -> list[str]:
    drawn = []
    for mark in _marks(top):
        y = _y(mark * 60, top)
        drawn.append(
            f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
        )
        drawn.append(_text(LEFT - 10, y + 4, f"{mark:g}", "axis-text", "end"))
    return drawn


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _svg(height: int, body: Sequence[str]) -> str:
    return "\n".join([f'<svg viewBox="0 0 {WIDTH} {height}" role="img">', *body, "</svg>"])
