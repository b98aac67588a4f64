"""Pure: the receipt of a pause, from the cost in a status document.

What the session cost, what a day of being paused costs, by resource, and after how many days of
pause it would have been cheaper to delete the pool and to make it again from an image.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from vmpool.golden import Image
from vmpool.moments import format_time
from vmpool.timing import BY_HAND_TOTAL_MINUTES

WARM_MINUTES = 5.0
"""From paused to ready: the goal of a resume."""
FROM_IMAGE_MINUTES = 15.0
"""From nothing to ready with a golden image that no canary has timed: the goal of such a create."""
KINDS = {"compute": "VMs", "disk": "OS disks", "ip": "addresses"}
SMALLEST_USD = 0.005
"""Less than this is shown as 0.00."""
Json = dict[str, Any]


def break_even(cost: Json, workers: int, image: Image | None, at: datetime) -> Json | None:
    """When deleting and making again would have been cheaper than staying paused.

    Staying costs disks and addresses by the day. Making again takes longer than resuming, and for
    the longer part every VM is billed. The image is kept either way.

    Args:
        cost: cost of a status document.
        workers: how many workers.
        image: golden image that they would be made from, None for bare Ubuntu.
        at: when the pool was paused (cloud time).

    Returns:
        None if it is not known, or if nothing is saved by deleting.
    """
    cold = float(BY_HAND_TOTAL_MINUTES)
    if image:
        cold = image.boot_seconds / 60 if image.boot_seconds else FROM_IMAGE_MINUTES
    minutes = max(cold - WARM_MINUTES, 0.0)
    hourly, daily = cost["running_usd_per_hour"], cost["idle_usd_per_day"]
    if hourly is None or not daily or not workers:
        return None
    extra = minutes / 60 * hourly
    days = extra / daily
    return {
        "days": round(days, 2),
        "at": format_time(at + timedelta(days=days)),
        "extra_minutes": round(minutes, 1),
        "extra_usd": round(extra, 4),
        "image": image.name if image else None,
    }


def rows(cost: Json) -> list[dict[str, str]]:
    """The receipt's table: a row by kind of resource, and their sum."""
    found = [
        {
            "resource": words,
            "session": usd(cost["session"][f"{kind}_usd"]),
            "in all": usd(cost[f"{kind}_usd"]),
            "paused day": usd(cost["paused_day"][f"{kind}_usd"]),
        }
        for kind, words in KINDS.items()
    ]
    total = {
        "resource": "total",
        "session": usd(cost["session"]["total_usd"]),
        "in all": usd(cost["total_usd"]),
        "paused day": usd(cost["paused_day"]["total_usd"]),
    }
    return [*found, total]


def notes(cost: Json, found: Json | None) -> list[str]:
    """What stands below the table, a sentence a line."""
    lines = []
    if found:
        source = f"the image {found['image']}" if found["image"] else "bare Ubuntu"
        lines.append(
            f"Paused longer than {length(found['days'])} (until {when(found['at'])} UTC), deleting "
            f"and making it again from {source} would have been cheaper: "
            f"{found['extra_minutes']:g} minutes more, {usd(found['extra_usd'])} USD."
        )
    if between := uncertain(cost):
        lines.append(between)
    if cost["is_estimate"]:
        lines.append("An estimate: Azure's prices could not be asked when it was launched.")
    return lines


def uncertain(cost: Json) -> str:
    """Between which figures the cost in all truly lies, "" if that is certain."""
    if cost["total_usd"] is None or (cost["uncertain_usd"] or 0.0) < SMALLEST_USD:
        return ""
    ends = f"{usd(cost['least_usd'])} and {usd(cost['most_usd'])} USD"
    return f"In all it is between {ends}: a change was seen late."


def markdown(pool: str, cost: Json, found: Json | None) -> str:
    """The artifact: table and sentences."""
    made = rows(cost)
    head = [list(made[0]), ["---", "---:", "---:", "---:"]]
    lines = [f"| {' | '.join(cells)} |" for cells in [*head, *(row.values() for row in made)]]
    hourly = cost["running_usd_per_hour"]
    sentences = [
        f"An hour of running costs {usd(hourly)} USD.",
        *notes(cost, found),
        "Golden images and registries serve all pools and are not in here.",
    ]
    return "\n".join([f"## What {pool} costs, in USD", "", *lines, "", *sentences])


def usd(amount: float | None) -> str:
    """`12.34`; four digits below a dollar, and `unknown` is said."""
    if amount is None:
        return "unknown"
    return f"{amount:.4f}" if abs(amount) < 1 else f"{amount:.2f}"


def length(days: float) -> str:
    """`2.4 hours`, `3.1 days`."""
    return f"{days:.1f} days" if days >= 1 else f"{days * 24:.1f} hours"


def when(text: str) -> str:
    """`2026-11-25 03:40`."""
    return text[:16].replace("T", " ")
