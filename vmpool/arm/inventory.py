"""Everything of ours in the subscription, whatever resource group it is in, by our tags.

One list per type, and one of all resources for types that only others of our versions make. What
can't be listed fails the whole: half an inventory would be taken for all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from vmpool import tags
from vmpool.arm import prices
from vmpool.arm.activity import settled
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import (
    ADDRESS,
    API,
    DISK,
    GALLERY,
    GALLERY_VERSION,
    IMAGE,
    PARTS,
    REGISTRY,
    VM,
    subscription_id,
)
from vmpool.arm.observing import leftover_from, pool_of, region_of, tags_of, workers_from
from vmpool.arm.rest import Json, at_once, get, list_all
from vmpool.holdings import Holding, Lot, group_of, pool_lot
from vmpool.model import Observed
from vmpool.money import RETAIL
from vmpool.pricing import HOURS_PER_MONTH, Rates

RESOURCES_API = "2021-04-01"
OUR_PREFIX = "waa-"
"""What every tag name of ours begins with."""
BILLED_PARTS = (DISK, ADDRESS)
"""Parts of a pool that cost something by themselves."""
SHARED = (IMAGE, REGISTRY)
FREE = ("schedules", "galleries", "images", "virtualmachines/extensions")
"""Last words of types that cost nothing: shutdown schedules, galleries, their definitions."""


def pools_everywhere(
    cloud: Cloud, parts: Sequence[str] = BILLED_PARTS, scope: str = ""
) -> tuple[Observed, ...]:
    """Every pool in every resource group, by name; a pool's group is in its resources' ids.

    Args:
        cloud: connection.
        parts: the types of its parts that are wanted; what costs something by default.
        scope: ARM id of a resource group, for its pools only.

    Raises:
        VmPoolError: Azure could not be asked; never fewer pools instead.
    """
    vms, statuses, *found = at_once(
        [
            partial(_everywhere, cloud, VM, scope),
            partial(list_all, cloud, _path(cloud, VM), API[VM], {"statusOnly": "true"}),
            *(partial(_everywhere, cloud, kind, scope) for kind in parts),
        ]
    )
    by_kind = dict(zip(parts, found, strict=True))
    items = [(kind, item) for kind in parts for item in by_kind[kind] if _is_ours(item)]
    ours = [vm for vm in vms if _is_ours(vm)]
    keys = sorted({_key(item) for item in (*ours, *(item for _, item in items))})
    at = cloud.clock.now()
    return tuple(
        Observed(
            pool=pool,
            at=at,
            workers=workers_from(
                [vm for vm in ours if _key(vm) == (pool, group)],
                statuses,
                by_kind.get(ADDRESS, []),
            ),
            leftovers=tuple(
                leftover_from(kind, item) for kind, item in items if _key(item) == (pool, group)
            ),
        )
        for pool, group in keys
    )


def inventory(cloud: Cloud) -> tuple[Lot, ...]:
    """Every resource of ours with what it costs, pools first.

    Raises:
        VmPoolError: Azure could not be asked.
    """
    everything = f"{subscription_id(cloud)}/resources"
    answers: list[Any] = at_once(
        [
            lambda: pools_everywhere(cloud, PARTS),
            lambda: list_all(cloud, everything, RESOURCES_API),
            *(partial(_everywhere, cloud, kind) for kind in SHARED),
        ]
    )
    pools = [
        replace(observed, workers=settled(cloud, observed.workers, observed.at))
        for observed in answers[0]
    ]
    others: list[Json] = answers[1]
    listed: list[list[Json]] = answers[2:]
    shared = [item for items in listed for item in items if _is_ours(item)]
    shared += [item for item in others if _is_ours(item) and not _is_known(item)]
    made = at_once([partial(_shared, cloud, item) for item in shared])
    groups = sorted({group_of(item.resource_id).lower() for item in made})
    lots = [pool_lot(observed, _group(observed)) for observed in pools]
    return (*lots, *(_shared_lot(group, made) for group in groups))


def _shared_lot(group: str, made: Sequence[Holding]) -> Lot:
    here = [item for item in made if group_of(item.resource_id).lower() == group]
    return Lot("", group, tuple(sorted(here, key=lambda item: (item.type, item.name))))


def _group(observed: Observed) -> str:
    ids = [worker.resource_id for worker in observed.workers]
    return group_of([*ids, *(item.resource_id for item in observed.leftovers)][0])


def _shared(cloud: Cloud, item: Json) -> Holding:
    """What serves all pools, with its price in its region."""
    kind = str(item["type"])
    region = region_of(item)
    rates = prices.rates(cloud, region, cloud.settings.sizes)
    rate, is_exact = _rate(cloud, item, rates)
    since = _since(item)
    hours = (cloud.clock.now() - since).total_seconds() / 3600 if since else None
    return Holding(
        resource_id=str(item["id"]),
        type=kind,
        name=_name(item),
        region=region,
        state="",
        usd_per_hour=rate,
        usd=0.0 if rate == 0 else None if rate is None or hours is None else rate * hours,
        is_estimate=bool(rate) and (not is_exact or rates.source != RETAIL),
    )


def _rate(cloud: Cloud, item: Json, rates: Rates) -> tuple[float | None, bool]:
    """USD per hour, and whether Azure bills just that: of an image it bills what is used of it."""
    kind = str(item["type"]).lower()
    if kind == REGISTRY.lower():
        is_basic = str(item.get("sku", {}).get("name", "Basic")).lower() == "basic"
        per_day = rates.registry_per_day if is_basic else None
        return (None if per_day is None else per_day / 24), True
    if kind == IMAGE.lower():
        return _per_hour(rates, _image_gb(item)), False
    if kind == GALLERY_VERSION.lower():
        return _per_hour(rates, _version_gb(get(cloud, str(item["id"]), API[GALLERY]))), False
    return (0.0 if kind.endswith(FREE) else None), True


def _per_hour(rates: Rates, gigabytes: int) -> float | None:
    price = rates.image_per_gb_month
    return None if price is None or not gigabytes else gigabytes * price / HOURS_PER_MONTH


def _image_gb(image: Json) -> int:
    disk = image.get("properties", {}).get("storageProfile", {}).get("osDisk", {})
    return int(disk.get("diskSizeGB") or 0)


def _version_gb(version: Json) -> int:
    """Size of a gallery's image version, all its copies together."""
    properties = version.get("properties", {})
    size = properties.get("storageProfile", {}).get("osDiskImage", {}).get("sizeInGB") or 0
    publishing = properties.get("publishingProfile", {})
    usual = int(publishing.get("replicaCount") or 1)
    targets = publishing.get("targetRegions") or [{}]
    return int(size) * sum(int(t.get("regionalReplicaCount") or usual) for t in targets)


def _since(item: Json) -> datetime | None:
    found, properties = tags_of(item), item.get("properties", {})
    return tags.parse_time(found.get(tags.IMAGE_CREATED_AT) or properties.get("creationDate"))


def _name(item: Json) -> str:
    """Name below its provider: a version is called by its image too."""
    return "/".join(str(item["id"]).partition("/providers/")[2].split("/")[2::2])


def _everywhere(cloud: Cloud, kind: str, scope: str = "") -> list[Json]:
    return list_all(cloud, _path(cloud, kind, scope), API[kind])


def _path(cloud: Cloud, kind: str, scope: str = "") -> str:
    return f"{scope or subscription_id(cloud)}/providers/{kind}"


def _key(item: Json) -> tuple[str, str]:
    return pool_of(item), group_of(str(item["id"])).lower()


def _is_ours(item: Json) -> bool:
    return any(name.startswith(OUR_PREFIX) for name in tags_of(item))


def _is_known(item: Json) -> bool:
    known = (VM, *PARTS, *SHARED)
    return str(item["type"]).lower() in {kind.lower() for kind in known}
