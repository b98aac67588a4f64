"""How moments are written in tags and JSON: UTC, ISO 8601, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime

HOUR_SECONDS = 3600.0


def format_time(moment: datetime) -> str:
    """UTC, ISO 8601, whole seconds, `Z`."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def parse_time(text: str | None) -> datetime | None:
    """A moment that `format_time` or Azure wrote, None if it is missing or not a time with a zone.

    Azure writes seven digits of a second, of which six are kept.
    """
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def hours_between(since: datetime, until: datetime) -> float:
    """Hours from one moment to a later one; 0 if it is no later."""
    return max((until - since).total_seconds(), 0.0) / HOUR_SECONDS


def day_of(moment: datetime) -> datetime:
    """When the day of a moment began, in UTC."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def month_of(moment: datetime) -> datetime:
    """When its month began, in UTC."""
    return day_of(moment).replace(day=1)
