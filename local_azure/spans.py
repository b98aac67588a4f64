"""Lengths of time as people type them: `90m`, `2h`, `14d`, `1d12h`, plain seconds."""

from __future__ import annotations

import re

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
PART = r"(\d+(?:\.\d+)?)([smhdw])"


def seconds_of(text: str) -> float:
    """The seconds that `text` means; a number without a unit is seconds.

    Raises:
        ValueError: it is no length of time.
    """
    if re.fullmatch(f"(?:{PART})+", text):
        return sum(float(number) * UNITS[unit] for number, unit in re.findall(PART, text))
    try:
        return float(text)
    except ValueError as error:
        raise ValueError("a length of time is like 90m, 2h, 14d or 3600") from error
