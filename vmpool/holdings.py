"""Pure: every resource of ours with what it costs, and their sums; the document of `resources`.

Reckons each resource of a pool by itself, with the same code that reckons the pool. What cannot be
known is None, never 0: a sum says how many of its figures are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from vmpool.cost import DAY_HOURS, cost, gone_sums, worker_sums
from vmpool.lifetime import auto_pause_at, paused_since
from vmpool.model import Leftover, Observed, Worker
from vmpool.status import pool_state
from vmpool.tags import format_time


@dataclass(frozen=True)
class Holding:
    """One resource.

    Attributes:
        resource_id: ARM id.
        type: resource type, as ARM spells it.
        name: resource name.
        region: Azure region.
        state: power state of a VM, "" of anything else.
        usd_per_hour: what it costs now; None is unknown.
        usd: what it has cost so far; None is unknown.
        is_estimate: whether anything but Azure's price of exactly this stands in it.
    """

    resource_id: str
    type: str
    name: str
    region: str
    state: str
    usd_per_hour: float | None
    usd: float | None
    is_estimate: bool


@dataclass(frozen=True)
class Lot:
    """What belongs together: a pool, or what serves all pools of a resource group.

    Attributes:
        pool: pool name, "" for what serves all.
        group: resource group.
        holdings: its resources.
        observed: the pool, None for what serves all.
    """

    pool: str
    group: str
    holdings: tuple[Holding, ...]
    observed: Observed | None = None


def group_of(resource_id: str) -> str:
    """The resource group in an ARM id; Azure spells its case as it likes."""
    parts = resource_id.split("/")
    return parts[4] if len(parts) > 4 else ""  # noqa: PLR2004 # /subscriptions/S/resourceGroups/G


def pool_lot(observed: Observed, group: str) -> Lot:
    """A pool's resources with what each costs."""
    vms = [_machine(observed, worker) for worker in observed.workers]
    parts = [_part(observed, item) for item in observed.leftovers]
    found = sorted([*vms, *parts], key=lambda item: (item.type, item.name))
    return Lot(observed.pool, group, tuple(found), observed)


def _machine(observed: Observed, worker: Worker) -> Holding:
    alone = replace(observed, workers=(worker,), leftovers=())
    found = cost(alone)
    return Holding(
        resource_id=worker.resource_id,
        type="Microsoft.Compute/virtualMachines",
        name=worker.name,
        region=worker.place.region,
        state=worker.power_state.value,
        usd_per_hour=found.running_usd_per_hour if worker.power_state.is_billed else 0.0,
        usd=found.compute_usd,
        is_estimate=found.is_estimate,
    )


def _part(observed: Observed, item: Leftover) -> Holding:
    vms = tuple(worker for worker in observed.workers if worker.name == item.worker)
    alone = replace(observed, workers=vms, leftovers=(item,))
    found, sums = cost(alone), worker_sums(alone, item.worker)
    day = found.idle_usd_per_day
    has_cost = (found.idle_usd_per_day or 0.0) > 0 or day is None
    return Holding(
        resource_id=item.resource_id,
        type=item.type,
        name=item.name,
        region=item.region,
        state="",
        usd_per_hour=None if day is None else day / DAY_HOURS,
        usd=replace(sums, compute=0.0).total,
        is_estimate=found.is_estimate and has_cost,
    )


def document(lots: Sequence[Lot], at: datetime) -> dict[str, Any]:
    """The JSON of `oa-vm resources --json`; its keys are an interface, add but don't rename.

    Args:
        lots: pools, and what serves all of them.
        at: when it was looked at (cloud time).
    """
    every = [item for lot in lots for item in lot.holdings]
    return {
        "observed_at": format_time(at),
        "lots": [_lot(lot) for lot in lots],
        "total": sums_document(every, sum_of(_deleted(lot) for lot in lots)[0]),
    }


def _lot(lot: Lot) -> dict[str, Any]:
    state = pool_state(lot.observed).value if lot.observed else None
    due = auto_pause_at(lot.observed) if lot.observed else None
    return {
        "pool": lot.pool or None,
        "resource_group": lot.group,
        "state": state,
        "since": _moment(running_since(lot.observed)) if lot.observed else None,
        "auto_pause_at": _moment(due),
        "deleted_usd": _deleted(lot),
        "total": sums_document(lot.holdings, _deleted(lot)),
        "resources": [_resource(item) for item in lot.holdings],
    }


def _resource(item: Holding) -> dict[str, Any]:
    return {
        "id": item.resource_id,
        "type": item.type,
        "name": item.name,
        "region": item.region,
        "state": item.state or None,
        "usd_per_hour": item.usd_per_hour,
        "usd_per_day": None if item.usd_per_hour is None else item.usd_per_hour * DAY_HOURS,
        "usd": item.usd,
        "is_estimate": item.is_estimate,
    }


def sums_document(items: Sequence[Holding], deleted: float | None = 0.0) -> dict[str, Any]:
    """Sums of what is known, and how many figures are not.

    Args:
        items: resources.
        deleted: what deleted workers have cost, None if that is unknown.
    """
    per_hour, no_rate = sum_of(item.usd_per_hour for item in items)
    usd, no_usd = sum_of([*(item.usd for item in items), deleted])
    return {
        "usd_per_hour": per_hour,
        "usd_per_day": per_hour * DAY_HOURS,
        "usd": usd,
        "unknown_rates": no_rate,
        "unknown_usd": no_usd,
        "is_estimate": any(item.is_estimate for item in items),
    }


def sum_of(amounts: Iterable[float | None]) -> tuple[float, int]:
    """Sum of the amounts that are known, and how many are not."""
    found = list(amounts)
    known = [amount for amount in found if amount is not None]
    return sum(known), len(found) - len(known)


def _deleted(lot: Lot) -> float | None:
    return gone_sums(lot.observed).total if lot.observed else 0.0


def running_since(observed: Observed) -> datetime | None:
    """Since when a pool is what it is: paused, or up since its session began; None if unknown."""
    paused = paused_since(observed)
    if paused or not observed.workers:
        born = [item.created_at for item in observed.leftovers if item.created_at]
        return paused or min(born, default=None)
    found = [
        worker.tags.ledger.session_at if worker.tags and worker.tags.ledger else worker.created_at
        for worker in observed.workers
    ]
    return min((moment for moment in found if moment), default=None)


def _moment(at: datetime | None) -> str | None:
    return format_time(at) if at else None
