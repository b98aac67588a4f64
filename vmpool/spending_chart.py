"""What a pool cost on each day, as a column a day; for the artifact `<pool>-cost`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape

from vmpool.chart import DIM, GRID, WIDTH, frame, picture, text
from vmpool.receipt import usd
from vmpool.spending import Amount, Spending

LEFT, RIGHT, TOP, HEIGHT, BOTTOM = 64, 20, 52, 180, 40
"""Pixels: the space for figures, at the right, for the title; the columns; the space for days."""
LETTERS_OF_A_DAY = 34
"""Pixels that a day's name needs."""
MOST_LINES = 5
BAR, SPREAD = "#2f6db3", "#9dbde0"
"""Colours of what is known of that day, and of what is spread over days or not all of it."""


def markdown(found: Spending) -> str:
    """Picture, sum and what is not known, for one or more pools."""
    total = found.total
    days = len(found.every_day)
    title = f"A day's cost, last {days} days: {usd(total.usd)} USD"
    lines = [picture(title, svg(title, found)), ""]
    if total.is_spread:
        lines.append("Pale: a sum over several days without a record, spread evenly over them.")
    if not total.is_known:
        lines.append("Pale: not all of that day's cost is known.")
    missing = [day for day in found.every_day if found.of(day) is None]
    if missing:
        lines.append(f"Nothing is on record of {len(missing)} of the {days} days.")
    return "\n".join(lines)


def svg(title: str, found: Spending) -> str:
    """The picture, an SVG document.

    Args:
        title: one line above it.
        found: amounts by day.
    """
    days, amounts = found.every_day, [found.of(day) for day in found.every_day]
    top = max([amount.usd for amount in amounts if amount] + [0.01])
    width = (WIDTH - LEFT - RIGHT) / len(days)
    every = max(round(LETTERS_OF_A_DAY / width + 0.5), 1)
    body = _lines(top)
    for number, (day, amount) in enumerate(zip(days, amounts, strict=True)):
        x = LEFT + width * number
        if amount:
            body.append(_column(x + width * 0.15, width * 0.7, day, amount, top))
        if number % every == 0:
            words = f"{day:%b} {day.day}"
            y = TOP + HEIGHT + 18
            body.append(text(x + width / 2, y, words, anchor="middle", colour=DIM))
    return "\n".join([*frame(title, TOP + HEIGHT + BOTTOM), *body, "</svg>"])


def _y(amount: float, top: float) -> float:
    return TOP + HEIGHT * (1 - max(amount, 0.0) / top)


def _column(x: float, width: float, day: date, amount: Amount, top: float) -> str:
    y = _y(amount.usd, top)
    colour = SPREAD if amount.is_spread or not amount.is_known else BAR
    more = "" if amount.is_known else ", not all is known"
    return (
        f"<g><title>{escape(f'{day}: {usd(amount.usd)} USD{more}')}</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{max(TOP + HEIGHT - y, 1.0):.1f}" rx="2" fill="{colour}"/></g>'
    )


def _lines(top: float) -> list[str]:
    drawn = []
    for amount in steps(top):
        y = _y(amount, top)
        drawn.append(
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>'
        )
        drawn.append(text(LEFT - 8, y + 4, f"{amount:g}", anchor="end", colour=DIM))
    return drawn


def steps(top: float) -> Sequence[float]:
    """Round amounts from 0 to at most `top`."""
    step = 0.001
    factors = (2.0, 2.5, 2.0)  # 1, 2, 5, 10
    for number in range(60):
        if top / step <= MOST_LINES:
            break
        step *= factors[number % len(factors)]
    return [round(step * number, 6) for number in range(int(top / step) + 1)]
