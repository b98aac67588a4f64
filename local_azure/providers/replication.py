"""Where the content of a gallery image version stands: one record per region, kept on disk.

A region's copy is begun, then completed or failed by a step of the version's operation; how far it
is in between is reckoned from the time. Refuses to know how long a copy takes.
"""

from __future__ import annotations

from typing import Any

from local_azure.state import Resource

REPLICATING, COMPLETED, FAILED = "Replicating", "Completed", "Failed"
AGGREGATED = {REPLICATING: "InProgress", COMPLETED: "Completed", FAILED: "Failed"}
WHOLE = 100


def regions_of(version: Resource) -> dict[str, dict[str, Any]]:
    """The record of each region by its name: state, replicas, begun and due (cloud time)."""
    regions: dict[str, dict[str, Any]] = version.hidden.setdefault("regions", {})
    return regions


def begin(version: Resource, region: str, replicas: int, begun: float, due: float) -> None:
    """A copy to a region sets out."""
    regions_of(version)[region] = {
        "state": REPLICATING,
        "replicas": replicas,
        "begun": begun,
        "due": due,
    }


def complete(version: Resource, region: str) -> None:
    """The copy to a region is whole; one that is no longer wanted is forgotten."""
    if region in regions_of(version):
        regions_of(version)[region]["state"] = COMPLETED


def fail(version: Resource) -> None:
    """Whatever is still on its way will not arrive."""
    for record in regions_of(version).values():
        if record["state"] == REPLICATING:
            record["state"] = FAILED


def is_in(version: Resource, region: str) -> bool:
    """Whether VMs of a region can be made from the version."""
    return regions_of(version).get(region, {}).get("state") == COMPLETED


def replicas_stored(version: Resource) -> int:
    """Copies that are billed: those of the regions where they are whole."""
    records = regions_of(version).values()
    return sum(record["replicas"] for record in records if record["state"] == COMPLETED)


def status(version: Resource, names: dict[str, str], now: float) -> dict[str, Any]:
    """`replicationStatus` as `$expand=ReplicationStatus` shows it.

    Args:
        version: the version.
        names: what people call the regions.
        now: cloud time.
    """
    states = {record["state"] for record in regions_of(version).values()}
    worst = next((s for s in (FAILED, REPLICATING) if s in states), COMPLETED)
    summary = [
        {
            "region": names[region],
            "state": record["state"],
            "details": "",
            "progress": _progress(record, now),
        }
        for region, record in regions_of(version).items()
    ]
    return {"aggregatedState": AGGREGATED[worst], "summary": summary}


def _progress(record: dict[str, Any], now: float) -> int:
    """Percent; whole only when it is."""
    if record["state"] != REPLICATING:
        return WHOLE if record["state"] == COMPLETED else 0
    length = record["due"] - record["begun"]
    share = (now - record["begun"]) / length if length > 0 else 1.0
    return min(WHOLE - 1, max(0, int(share * WHOLE)))
