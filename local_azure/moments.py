"""Cloud time as Azure writes it: ISO 8601 with seven digits, HTTP dates, whole-second UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime


def iso(moment: float) -> str:
    """`2020-12-17T18:43:35.9794042+00:00`, as Microsoft.Compute writes times."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0+00:00")


def http_date(moment: float) -> str:
    """`Thu, 17 Dec 2020 18:43:35 GMT`."""
    return format_datetime(datetime.fromtimestamp(int(moment), UTC), usegmt=True)


def plain(moment: float) -> str:
    """`2020-12-17 18:43:35Z`, as Azure AD writes times."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
