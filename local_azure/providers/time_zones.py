"""Windows names of time zones, which are what Azure's schedules know, and the next time of day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

IANA = {
    "utc": "UTC",
    "gmt standard time": "Europe/London",
    "w. europe standard time": "Europe/Berlin",
    "romance standard time": "Europe/Paris",
    "central europe standard time": "Europe/Budapest",
    "central european standard time": "Europe/Warsaw",
    "fle standard time": "Europe/Kyiv",
    "eastern standard time": "America/New_York",
    "central standard time": "America/Chicago",
    "mountain standard time": "America/Denver",
    "pacific standard time": "America/Los_Angeles",
    "e. south america standard time": "America/Sao_Paulo",
    "india standard time": "Asia/Kolkata",
    "china standard time": "Asia/Shanghai",
    "singapore standard time": "Asia/Singapore",
    "tokyo standard time": "Asia/Tokyo",
    "aus eastern standard time": "Australia/Sydney",
}
"""The zones we know, by their Windows names in lower case (Unicode CLDR's table)."""


def find_zone(name: str) -> tzinfo | None:
    """The zone of a Windows name, None when we don't know it."""
    known = IANA.get(name.lower())
    if known is None:
        return None
    try:
        return UTC if known == "UTC" else ZoneInfo(known)
    except ZoneInfoNotFoundError:
        return None  # the machine has no table of time zones


def next_time(after: float, at: time, zone: tzinfo) -> float:
    """The first moment after `after` when clocks in `zone` show `at`.

    Args:
        after: cloud time in seconds since the epoch.
        at: time of day.
        zone: whose clocks.

    Returns:
        Cloud time. An hour that a change of clocks skips counts as an hour later.
    """
    day = datetime.fromtimestamp(after, zone).date()
    while (due := datetime.combine(day, at, zone).timestamp()) <= after:
        day += timedelta(days=1)
    return due
