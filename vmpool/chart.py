"""Draws the spans of a run as bars over time: an SVG that stands alone, without scripts or fonts.

Drawn by hand because it is 80 lines of rectangles: a plotting library would be 30 MB for them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import timedelta
from html import escape

from vmpool.model import Phase
from vmpool.timing import OVER, Span, makespan_seconds, minutes

WIDTH, LEFT, TOP, LANE, GAP = 960, 130, 54, 16, 8
"""Pixels: the picture, the space for names, for the title, a bar's height, between workers."""
LEGEND_LEFT, LEGEND_ROW = 16, 18
LETTER = 6.2
"""Pixels of one letter at font size 11, to know which labels fit into their bars."""

COLOURS: dict[Phase, str] = {
    Phase.FIND_CAPACITY: "#8a8f98",
    Phase.CREATE_NETWORK: "#5b6b7b",
    Phase.CREATE_VM: "#2f6db3",
    Phase.START_VM: "#2f6db3",
    Phase.WAIT_FOR_SSH: "#2a9d8f",
    Phase.PREPARE_DOCKER: "#7b5ea7",
    Phase.PULL_IMAGE: "#a0559e",
    Phase.BUILD_IMAGE: "#c44f7a",
    Phase.START_WAA: "#d9822b",
    Phase.WAIT_FOR_WAA: "#b8860b",
    Phase.OPEN_TUNNEL: "#3d8b40",
    Phase.POWER_OFF_WINDOWS: "#b8860b",
    Phase.DEALLOCATE_VM: "#2f6db3",
    Phase.DELETE_WORKER: "#2f6db3",
    Phase.DELETE_NETWORK: "#5b6b7b",
    Phase.CLEAN_DISK: "#2a9d8f",
    Phase.SCAN_DISK: "#3d8b40",
    Phase.DEPROVISION: "#7b5ea7",
    Phase.GENERALIZE_VM: "#a0559e",
    Phase.CAPTURE_IMAGE: "#c44f7a",
    Phase.PROMOTE_IMAGE: "#d9822b",
    Phase.DELETE_IMAGE: "#5b6b7b",
    Phase.CREATE_REGISTRY: "#5b6b7b",
    Phase.PUSH_IMAGE: "#a0559e",
    Phase.BUILD_IN_REGISTRY: "#c44f7a",
    Phase.EVAL_UNIT: "#243b53",
}
"""A colour per phase, dark enough for white letters."""
INK, DIM, GRID = "#1f2933", "#52606d", "#e4e7eb"
"""Colours of words, of an axis' words, of its lines."""
FAILED = "#c62828"
OVERRUN = f'stroke="{FAILED}" stroke-width="2"'
"""A frame in the colour of trouble around what took too long."""


def svg(title: str, spans: Sequence[Span], over: frozenset[Span] = frozenset()) -> str:
    """The chart.

    Args:
        title: one line above it.
        spans: ended spans of one run.
        over: those that took longer than almost always before.

    Returns:
        An SVG document.
    """
    finished = [span for span in spans if span.ended]
    origin = min((span.started for span in finished), default=None)
    total = max(makespan_seconds(finished), 1.0)
    body: list[str] = []
    y = TOP
    for worker in sorted({span.worker for span in finished}):
        lanes = _lanes([span for span in finished if span.worker == worker])
        body.append(text(LEFT - 8, y + LANE - 4, worker, anchor="end"))
        for lane in lanes:
            for span in lane:
                mark = OVER if span in over else ""
                body.append(_bar(span, (span.started - (origin or span.started)), total, y, mark))
            y += LANE + 2
        y += GAP
    legend, rows = _legend(finished, y)
    height = y + 14 + rows * LEGEND_ROW
    return "\n".join([*frame(title, height), *_axis(total, y), *body, *legend, "</svg>"])


def markdown(title: str, spans: Sequence[Span], over: frozenset[Span] = frozenset()) -> str:
    """The chart as a picture inside markdown, as a Prefect artifact shows it."""
    return picture(title, svg(title, spans, over))


def picture(title: str, drawn: str) -> str:
    """An SVG document inside markdown."""
    data = base64.b64encode(drawn.encode()).decode()
    return f"![{title}](data:image/svg+xml;base64,{data})"


def frame(title: str, height: int) -> list[str]:
    """The begin of an SVG document: a white card with a title."""
    font = 'font-family="system-ui,sans-serif" font-size="11"'
    size = f'width="{WIDTH}" height="{height}"'
    head = f'font-size="15" font-weight="600" fill="{INK}"'
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {height}" {font}>',
        f'<rect {size} rx="6" fill="#ffffff"/>',
        f'<text x="16" y="24" {head}>{escape(title)}</text>',
    ]


def _lanes(spans: Sequence[Span]) -> list[list[Span]]:
    """Spread spans that overlap over as few lanes as they need."""
    lanes: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: span.started):
        for lane in lanes:
            if (lane[-1].ended or span.started) <= span.started:
                lane.append(span)
                break
        else:
            lanes.append([span])
    return lanes


def _x(seconds: float, total: float) -> float:
    return LEFT + seconds / total * (WIDTH - LEFT - 20)


def _bar(span: Span, began: timedelta, total: float, y: int, mark: str) -> str:
    start = _x(began.total_seconds(), total)
    width = max(_x(span.seconds, total) - LEFT, 1.0)
    colour = FAILED if span.error else COLOURS[span.phase]
    took = f"{minutes(span.seconds)} {mark}".strip()
    tip = f"{span.worker}: {span.phase} {took} {span.error or span.detail}".strip()
    label = f"{span.label} {took}"
    fits = len(label) * LETTER < width - 6
    words = text(start + 5, y + LANE - 4, label, colour="#ffffff") if fits else ""
    outline = f" {OVERRUN}" if mark else ""
    return (
        f'<g><title>{escape(tip)}</title><rect x="{start:.1f}" y="{y}" width="{width:.1f}" '
        f'height="{LANE}" rx="2" fill="{colour}"{outline}/>{words}</g>'
    )


def text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = INK) -> str:
    """A line of text."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}">{escape(words)}</text>'


def _axis(total: float, bottom: int) -> list[str]:
    """Vertical lines at round minutes down to `bottom`, at most ten of them."""
    steps = (10, 30, 60, 120, 300, 600, 1200, 3600, 7200, 36000)
    step = next((step for step in steps if total / step <= 10), steps[-1])  # noqa: PLR2004 # ten lines
    lines = []
    for seconds in range(0, int(total) + 1, step):
        x = _x(seconds, total)
        lines.append(
            f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}" stroke="{GRID}"/>'
        )
        lines.append(text(x, TOP - 10, minutes(seconds), anchor="middle", colour=DIM))
    return lines


def _legend(spans: Sequence[Span], top: int) -> tuple[list[str], int]:
    """A swatch per phase that occurs, in the order of the phases, and how many rows they take."""
    present = {span.phase for span in spans}
    shown, x, row = [], float(LEGEND_LEFT), 0
    for phase in (phase for phase in Phase if phase in present):
        width = 26 + len(phase.value) * LETTER
        if x + width > WIDTH and x > LEGEND_LEFT:
            x, row = float(LEGEND_LEFT), row + 1
        y = top + 10 + row * LEGEND_ROW
        swatch = f'<rect x="{x:.1f}" y="{y}" width="10" height="10" rx="2"'
        shown.append(f'{swatch} fill="{COLOURS[phase]}"/>')
        shown.append(text(x + 14, y + 9, phase.value))
        x += width
    return shown, row + 1
