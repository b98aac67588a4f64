"""Pure: what a pool is, in one word and as the documented JSON of `pool-status`.

Says unknown when it is unknown: a pool that can't be read is never "paused".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vmpool import cost
from vmpool.context import BASE_LABEL, WINDOWS_LABEL
from vmpool.deadlines import server_deadline_at, unguarded
from vmpool.golden import Image
from vmpool.idle import IdleRules
from vmpool.idle import warnings as idle_warnings
from vmpool.imaging import age_days, usd_per_month, what_changed
from vmpool.lifetime import (
    WARN_BEFORE,
    auto_pause_at,
    is_due,
    lease_of,
    next_pause,
    paused_since,
)
from vmpool.model import Intent, Observed, PoolState, PowerState, WindowsState, Worker
from vmpool.money import Sums
from vmpool.pricing import Rates
from vmpool.tags import format_time

STALE_OPERATION_SECONDS = 3600
"""An operation that began longer ago than a cold start takes (42 min) is no longer running."""


DEFAULT_RULES = IdleRules()
UNSURE = (WindowsState.UNKNOWN, WindowsState.BOOTING, WindowsState.READY)
"""What a deallocated worker must not have as Windows' last state: nobody saw it power off."""


def pool_state(observed: Observed) -> PoolState:
    """What the pool as a whole is, said without guessing."""
    if observed.is_absent:
        return PoolState.ABSENT
    states = {worker.power_state for worker in observed.workers}
    if PowerState.UNKNOWN in states or any(worker.tags is None for worker in observed.workers):
        return PoolState.UNKNOWN
    if states == {PowerState.DEALLOCATED}:
        return PoolState.PAUSED
    if observed.workers and all(_is_ready(worker) for worker in observed.workers):
        return PoolState.READY
    return _in_progress(observed) or PoolState.DEGRADED


def _is_ready(worker: Worker) -> bool:
    tags = worker.tags
    return (
        worker.power_state is PowerState.RUNNING
        and tags is not None
        and tags.intent is Intent.READY
        and tags.windows is WindowsState.READY
    )


IN_PROGRESS: Mapping[Intent, PoolState] = {
    Intent.DELETE: PoolState.DELETING,
    Intent.PAUSE: PoolState.PAUSING,
    Intent.CREATE: PoolState.CREATING,
    Intent.RESUME: PoolState.RESUMING,
}


def _in_progress(observed: Observed) -> PoolState | None:
    """The operation that is going on, if one began lately."""
    tags = [worker.tags for worker in observed.workers if worker.tags]
    going_on = {
        item.intent
        for item in tags
        if (observed.at - item.intent_at).total_seconds() < STALE_OPERATION_SECONDS
    }
    return next((state for intent, state in IN_PROGRESS.items() if intent in going_on), None)


def document(observed: Observed, idle: IdleRules = DEFAULT_RULES) -> dict[str, Any]:
    """The JSON of `oa-vm pool-status --json`; its keys are an interface, add but don't rename.

    Args:
        observed: the pool.
        idle: what becomes of it if it lies paused.
    """
    return {
        "pool": observed.pool,
        "state": pool_state(observed).value,
        "observed_at": format_time(observed.at),
        "workers": [_worker(w) for w in sorted(observed.workers, key=lambda w: w.name)],
        "auto_pause_at": _time(auto_pause_at(observed)),
        "server_deadline_at": _time(server_deadline_at(observed)),
        "lease": _lease(observed),
        "paused_since": _time(paused_since(observed)),
        "cost": cost_document(cost.cost(observed)),
        "warnings": warnings(observed) + idle_warnings(observed, observed.at, idle),
    }


def _lease(observed: Observed) -> dict[str, str] | None:
    """Who works on the pool, None if nobody does."""
    lease = lease_of(observed)
    if lease is None or not lease.is_held(observed.at):
        return None
    return {
        "holder": lease.holder,
        "since": format_time(lease.since),
        "until": format_time(lease.until),
        "ends": format_time(lease.ends),
    }


def cost_document(found: cost.Cost) -> dict[str, Any]:
    """The `cost` of the JSON; its keys are an interface, add but don't rename."""
    return {
        "total_usd": found.total_usd,
        "compute_usd": found.compute_usd,
        "disk_usd": found.disk_usd,
        "ip_usd": found.ip_usd,
        "idle_usd_per_day": found.idle_usd_per_day,
        "is_estimate": found.is_estimate,
        "running_usd_per_hour": found.running_usd_per_hour,
        "uncertain_usd": found.uncertain_usd,
        "least_usd": found.least_usd,
        "most_usd": found.most_usd,
        "price_source": found.price_source,
        "session": _sums(found.session),
        "paused_day": _sums(found.paused_day),
    }


def _sums(sums: Sums) -> dict[str, float | None]:
    return {
        "compute_usd": sums.compute,
        "disk_usd": sums.disk,
        "ip_usd": sums.ip,
        "total_usd": sums.total,
    }


def images_document(
    images: Sequence[Image],
    docker_image: str,
    bases: Mapping[str, str],
    rates: Mapping[str, Rates],
    now: datetime,
) -> dict[str, Any]:
    """The JSON of `oa-vm image-list --json`; its keys are an interface, add but don't rename.

    Args:
        images: ours.
        docker_image: name of the Docker image that would be built now.
        bases: digests of the base images now, by their labels; those that are known.
        rates: what things cost, by region of the images.
        now: cloud time.
    """
    return {
        "docker_image": docker_image,
        "base_digest": bases.get(BASE_LABEL),
        "windows_digest": bases.get(WINDOWS_LABEL),
        "images": [
            _image(image, what_changed(image, docker_image, bases), rates[image.region], now)
            for image in images
        ],
    }


def _image(image: Image, changed: Sequence[str], rates: Rates, now: datetime) -> dict[str, Any]:
    per_month = usd_per_month(image, rates.image_per_gb_month)
    return {
        "name": image.name,
        "state": image.state.value,
        "kind": image.kind.value,
        "region": image.region,
        "regions": list(image.regions),
        "replicas": image.replicas,
        "size_gb": image.size_gb,
        "created_at": format_time(image.created_at),
        "age_days": round(age_days(image, now), 2),
        "docker_image": image.docker_image,
        "windows": image.has_windows,
        "boot_seconds": image.boot_seconds,
        "docker_id": image.docker_id or None,
        "base_digest": image.base_digest or None,
        "windows_digest": image.windows_digest or None,
        "source": image.source,
        "is_stale": bool(changed),
        "changed": list(changed),
        "usd_per_month": None if per_month is None else round(per_month, 2),
        "is_estimate": True,
    }


def no_pool(name: str) -> str:
    """What is said of a pool that does not exist, and how to make it."""
    return f"there is no pool {name!r}; make it with: oa-vm pool-create --pool {name}"


def worker_state(worker: Worker) -> str:
    """One word for one worker."""
    if worker.tags is None:
        return "unknown"
    if _is_ready(worker):
        return "ready"
    if worker.power_state is PowerState.RUNNING:
        return {Intent.READY: "degraded"}.get(worker.tags.intent, worker.tags.intent.value)
    return worker.power_state.value


def _worker(worker: Worker) -> dict[str, Any]:
    return {
        "name": worker.name,
        "state": worker_state(worker),
        "power_state": worker.power_state.value,
        "ip": worker.ip or None,
        "size": worker.place.size,
        "region": worker.place.region,
        "windows": _windows(worker).value,
    }


def _windows(worker: Worker) -> WindowsState:
    """Windows as last seen; of one that lost its power unseen nobody knows what is on the disk."""
    seen = worker.tags.windows if worker.tags else WindowsState.UNKNOWN
    is_cut = worker.power_state is PowerState.DEALLOCATED and seen in UNSURE
    return WindowsState.UNKNOWN if is_cut else seen


def _time(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None


def warnings(observed: Observed) -> list[str]:
    """What somebody should do something about, one line each, with the command that helps."""
    pool = observed.pool
    found = [
        f"{w.name} is stopped but still billed: oa-vm pool-pause --pool {pool}"
        for w in observed.workers
        if w.power_state is PowerState.STOPPED
    ]
    found += [
        f"{w.name}: Windows was not powered off in order; its next start reinstalls (15-25 min)"
        for w in observed.workers
        if w.tags and w.tags.windows is WindowsState.DIRTY
    ]
    found += [
        f"{w.name}: Windows was not seen to power off in order; its next start may reinstall"
        for w in observed.workers
        if w.power_state is PowerState.DEALLOCATED and w.tags and w.tags.windows in UNSURE
    ]
    found += [
        f"{w.name} has no readable waa tags: it is not touched"
        for w in observed.workers
        if not w.tags
    ]
    return found + cost.warnings(observed) + _pool_warnings(observed)


def _pool_warnings(observed: Observed) -> list[str]:
    found: list[str] = []
    names = {worker.name for worker in observed.workers}
    loose = [item for item in observed.leftovers if item.worker and item.worker not in names]
    if loose:
        found.append(
            f"{len(loose)} parts without a VM: oa-vm pool-create --pool {observed.pool} uses them, "
            f"oa-vm pool-cleanup --pool {observed.pool} removes them"
        )
    if is_due(observed, observed.at):
        found.append(f"auto-pause is due: oa-vm pool-pause --pool {observed.pool}")
    return found + _coming_pause(observed) + _unguarded(observed)


def _coming_pause(observed: Observed) -> list[str]:
    coming = next_pause(observed, observed.at)
    if coming is None or not observed.at < coming <= observed.at + WARN_BEFORE:
        return []
    minutes = round((coming - observed.at).total_seconds() / 60)
    return [f"paused in {minutes} min: oa-vm pool-extend --pool {observed.pool} puts it off"]


def _unguarded(observed: Observed) -> list[str]:
    """One line per reason: what refuses one worker's timer refuses most."""
    reasons: dict[str, list[str]] = {}
    for worker, reason in unguarded(observed):
        reasons.setdefault(reason, []).append(worker.name)
    return [
        f"{', '.join(names)}: no timer on Azure's side ({reason}): "
        "if Prefect ends, nothing pauses it"
        for reason, names in sorted(reasons.items())
    ]
