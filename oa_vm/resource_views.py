"""What `oa-vm resources` shows on the terminal and writes to RESOURCES.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oa_vm.output import out, styled, table
from vmpool.errors import UsageError

MARK = "<!-- Written by oa-vm resources. Changes are lost: it is written anew each time. -->"
"""First line of what we write; a file without it is somebody's own."""
NUMERIC = ("USD/h", "USD/day", "so far")
EXPLAINED = (
    "~ is an estimate (list figures, or an image's whole size), ? is unknown. USD before taxes "
    "and discounts."
)


def check_ours(path: Path) -> None:
    """Refuse a file that we have not written.

    Raises:
        UsageError: it is somebody's own.
    """
    if path.exists() and not _is_ours(path):
        raise UsageError(f"{path} was not written by oa-vm resources: choose another (--output)")


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\n") == MARK


def print_resources(found: Mapping[str, Any]) -> None:
    """Tables on the terminal, one for each pool.

    Args:
        found: the document of `vmpool.holdings`.
    """
    for lot in found["lots"]:
        out.print(table(f"{_title(lot)}", _rows(lot), numeric=NUMERIC))
        out.print(f"{_summary(lot['total'])}{_deleted(lot)}\n")
    out.print(_all(found))
    if found["lots"]:
        out.print(EXPLAINED)


def write(found: Mapping[str, Any], path: Path) -> None:
    """Write the same as Markdown, all or nothing.

    Args:
        found: the document of `vmpool.holdings`.
        path: where to; `check_ours` has seen it.
    """
    lines = [MARK, "# Azure resources", "", f"As of {found['observed_at']}. {EXPLAINED}", ""]
    for lot in found["lots"]:
        rows = _rows(lot, is_short=False)
        lines += [f"## {_title(lot)}", ""]
        lines += _markdown(rows)
        lines += ["", f"{_summary(lot['total'])}{_deleted(lot)}", ""]
    lines += ["## In all", "", _all(found)]
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text("\n".join(lines) + "\n", encoding="utf-8")
    scratch.replace(path)


def _markdown(rows: list[dict[str, str]]) -> list[str]:
    if not rows:
        return []
    marks = ["---:" if column in NUMERIC else "---" for column in rows[0]]
    head = [_line(rows[0]), _line(marks)]
    return head + [_line([cell.replace("|", "\\|") for cell in row.values()]) for row in rows]


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _title(lot: Mapping[str, Any]) -> str:
    if lot["pool"] is None:
        return f"Of no pool, in group {lot['resource_group']}"
    since = f" since {lot['since'][:16].replace('T', ' ')} UTC" if lot["since"] else ""
    return f"Pool {lot['pool']} in group {lot['resource_group']}: {lot['state']}{since}"


def _rows(lot: Mapping[str, Any], *, is_short: bool = True) -> list[dict[str, str]]:
    return [_cells(item, is_short=is_short) for item in lot["resources"]]


def _cells(item: Mapping[str, Any], *, is_short: bool) -> dict[str, str]:
    about = "~" if item["is_estimate"] else ""
    state = item["state"] or ""
    return {
        "resource": item["name"],
        "type": _kind(item["type"]) if is_short else item["type"],
        "state": (styled(state) if is_short else state) or "-",
        "USD/h": _usd(item["usd_per_hour"], about, 4),
        "USD/day": _usd(item["usd_per_day"], about, 2),
        "so far": _usd(item["usd"], about, 2),
    }


SHORT = {
    "virtualmachines": "VM",
    "disks": "disk",
    "networkinterfaces": "NIC",
    "publicipaddresses": "IP",
    "networksecuritygroups": "NSG",
    "virtualnetworks": "VNet",
    "images": "image",
    "versions": "version",
    "registries": "registry",
    "galleries": "gallery",
    "schedules": "schedule",
}


def _kind(kind: str) -> str:
    last = kind.rpartition("/")[2]
    return SHORT.get(last.lower(), last)


def _usd(amount: float | None, about: str, digits: int) -> str:
    if amount is None:
        return "?"
    return f"{about}{amount:.{digits}f}" if amount else "-"


def _summary(total: Mapping[str, Any]) -> str:
    about = "about " if total["is_estimate"] else ""
    said = f"{about}{total['usd_per_hour']:.4f} USD/h, {total['usd_per_day']:.2f} USD/day"
    said += f", {total['usd']:.2f} USD so far"
    missing = [
        f"{total[key]} {what}"
        for key, what in (("unknown_rates", "rates"), ("unknown_usd", "sums"))
        if total[key]
    ]
    return f"{said}; unknown: {' and '.join(missing)}" if missing else said


def _deleted(lot: Mapping[str, Any]) -> str:
    spent = lot["deleted_usd"]
    return f" ({spent:.2f} USD of it by deleted workers)" if spent else ""


def _all(found: Mapping[str, Any]) -> str:
    if not found["lots"]:
        return "Nothing of ours is there, in no resource group of the subscription."
    return f"In all {_summary(found['total'])}"
