"""What the `pool-*` commands show: plans and statuses, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from oa_vm.output import err, out, print_json, styled, table
from vmpool.plan import Action, Verb
from vmpool.receipt import notes, rows, uncertain, usd

HOURS_BEFORE_DAYS = 48
"""Beyond two days hours are too fine."""


def print_plan(
    pool: str,
    actions: Sequence[Action],
    places: dict[str, str] | None = None,
    budgets: Sequence[dict[str, Any]] = (),
    *,
    as_json: bool,
) -> None:
    """What would be done to each worker.

    Args:
        pool: pool name.
        actions: the plan.
        places: where those go that would be created.
        budgets: what `oa_vm.budget_preview` says of it.
        as_json: as one JSON document.
    """
    places = places or {}
    if as_json:
        rows = [asdict(action) | {"place": places.get(action.worker)} for action in actions]
        print_json({"pool": pool, "actions": rows, "budgets": list(budgets)})
        return
    cells = [
        {
            "worker": action.worker,
            "action": action.verb.value if action.verb is not Verb.NOTHING else "-",
            "why": ", ".join(filter(None, [action.reason, places.get(action.worker, "")])),
        }
        for action in actions
    ]
    out.print(table(f"Plan for {pool} (nothing is changed)", cells))
    print_budgets(budgets)


def print_budgets(budgets: Sequence[dict[str, Any]]) -> None:
    """A line for each budget that is set: the figures, or why the run would be refused."""
    for found in budgets:
        would = "would be refused, " if found["is_beyond"] else ""
        out.print(f"Budget: {would}{found['said']}")


def print_status(status: dict[str, Any], *, as_json: bool) -> None:
    """What a pool is.

    Args:
        status: the document of `vmpool.status`.
        as_json: as it is.
    """
    if as_json:
        print_json(status)
        return
    out.print(f"Pool [bold]{status['pool']}[/] is {styled(status['state'])}")
    if status["workers"]:
        print_workers(status["workers"])
    for line in _moments(status):
        out.print(line)
    for line in _money(status):
        out.print(line)
    for warning in status["warnings"]:
        err.print(f"[yellow]warning:[/] {warning}")


def _money(status: dict[str, Any]) -> list[str]:
    """What it has cost in all; the receipt instead, when a pause has just ended."""
    cost = status["cost"]
    if "receipt" in status:
        out.print(table("Receipt, in USD", rows(cost), numeric=("session", "in all", "paused day")))
        return notes(cost, status["receipt"])
    if not status["workers"] and cost["total_usd"] is None:
        return []
    about = "about " if cost["is_estimate"] else ""
    said = f"cost {about}{usd(cost['total_usd'])} USD in all"
    if not status["workers"]:
        return [said]
    session, idle = usd(cost["session"]["total_usd"]), usd(cost["idle_usd_per_day"])
    said += f", {session} this session; a paused day costs {about}{idle} USD"
    return [said, *filter(None, [uncertain(cost)])]


def _moments(status: dict[str, Any]) -> list[str]:
    """How long it is paused, or how long it may still run; times are the cloud's."""
    now = datetime.fromisoformat(status["observed_at"])
    if status["paused_since"]:
        since = datetime.fromisoformat(status["paused_since"])
        return [f"paused for {describe_length(now - since)}, since {since:%F %R} UTC"]
    if status["auto_pause_at"]:
        due = datetime.fromisoformat(status["auto_pause_at"])
        length = describe_length(abs(due - now))
        when = f"in {length}" if due > now else f"was due {length} ago"
        return [f"auto-pause {when}, at {due:%F %R} UTC on the cloud's clock"]
    return []


def describe_length(time: timedelta) -> str:
    """`2 h 05 min`, `3 days 4 h`, `12 min`."""
    hours, minutes = divmod(round(time.total_seconds() / 60), 60)
    if hours >= HOURS_BEFORE_DAYS:
        return f"{hours // 24} days {hours % 24} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def print_workers(workers: Sequence[dict[str, Any]]) -> None:
    """A row for each; a power state that only repeats the state is left out, to fit 80 columns.

    Args:
        workers: of the document of `vmpool.status`.
    """
    rows = [_worker_cells(worker) for worker in workers]
    for row in rows:
        row["power"] = "" if row["power"] == row["state"] else row["power"]
    if not any(row["power"] for row in rows):
        for row in rows:
            del row["power"]
    out.print(table("", rows))


def _worker_cells(worker: dict[str, Any]) -> dict[str, str]:
    return {
        "worker": worker["name"],
        "state": styled(worker["state"]),
        "power": styled(worker["power_state"]),
        "windows": worker["windows"],
        "ip": worker["ip"] or "-",
        "size": worker["size"].removeprefix("Standard_"),
        "region": worker["region"],
    }
