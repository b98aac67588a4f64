"""`idle-cleanup`: what becomes of pools that lie paused and of what nobody owns."""

from __future__ import annotations

from typing import Any

from oa_vm.options import DryRun, Json
from oa_vm.output import out, print_json, table
from oa_vm.run import run_flow
from vmpool.settings import Settings, load_settings


def idle_cleanup(dry_run: DryRun = False, as_json: Json = False) -> None:
    """Warn of pools that lie paused, delete them after two weeks, remove what nobody owns."""
    settings = load_settings()
    from oa_vm.stack import ensure_local_azure  # noqa: PLC0415 # --help is quick without it

    ensure_local_azure(settings)
    found = _preview(settings) if dry_run else run_flow(settings, "idle-cleanup", {})
    print_json(found) if as_json else _show(found)


def _preview(settings: Settings) -> dict[str, Any]:
    from oa_vm.preview import preview_sweep  # noqa: PLC0415 # imports Azure's SDK

    return preview_sweep(settings)


def _show(found: dict[str, Any]) -> None:
    if found["pools"]:
        out.print(table("Pools", [_pool_cells(item) for item in found["pools"]]))
    if found["orphans"]:
        out.print(table("Resources", [_orphan_cells(item) for item in found["orphans"]]))
    if not found["pools"] and not found["orphans"]:
        out.print("There are no pools, and nothing that belongs to nobody.")


def _pool_cells(item: dict[str, Any]) -> dict[str, str]:
    when = item["delete_at"]
    return {
        "pool": item["pool"],
        "action": item["action"],
        "why": item["reason"],
        "deleted after": when.replace("T", " ").removesuffix(":00Z") if when else "-",
    }


def _orphan_cells(item: dict[str, Any]) -> dict[str, str]:
    return {
        "resource": item["id"].rpartition("/")[2],
        "type": item["type"].rpartition("/")[2],
        "pool": item["pool"] or "-",
        "action": item["action"],
        "why": item["reason"],
    }
