"""Writes tags without touching the rest: the Tags API merges, a PUT would replace them all.

Also keeps, as tags of the resource group, which places had no capacity lately, so that every run
on every machine knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from vmpool import tags
from vmpool.arm.clients import Cloud
from vmpool.arm.groups import ensure_resource_group
from vmpool.arm.kinds import group_id
from vmpool.arm.rest import find, send
from vmpool.model import Place

TAGS_API = "2021-04-01"
MOST_REMEMBERED = 30
"""Azure allows 50 tags a group; the group's own must fit too."""


def merge_tags(cloud: Cloud, resource_id: str, written: Mapping[str, str]) -> None:
    """Write some tags of a resource; its others stay.

    Args:
        cloud: connection.
        resource_id: ARM id of the resource or resource group.
        written: names and values.

    Raises:
        NotFoundError: no such resource.
    """
    _patch(cloud, resource_id, "Merge", dict(written))


def remove_tags(cloud: Cloud, resource_id: str, names: Iterable[str]) -> None:
    """Remove some tags of a resource, whatever their values; its others stay.

    Args:
        cloud: connection.
        resource_id: ARM id of the resource or resource group.
        names: tag names; missing ones are no error.

    Raises:
        NotFoundError: no such resource.
    """
    unwanted = {name.lower() for name in names}
    found = read_tags(cloud, resource_id)
    gone = {name: value for name, value in found.items() if name.lower() in unwanted}
    if gone:  # Delete takes a tag away only with its present value
        _patch(cloud, resource_id, "Delete", gone)


def read_tags(cloud: Cloud, resource_id: str) -> dict[str, str]:
    """The tags of a resource, none if it does not exist."""
    document = find(cloud, _tags_path(resource_id), TAGS_API) or {}
    found: dict[str, str] = document.get("properties", {}).get("tags") or {}
    return found


def avoided_places(cloud: Cloud) -> dict[Place, datetime]:
    """Places that had no capacity, and until when to avoid them (cloud time); expired ones too."""
    found = {}
    for name, value in read_tags(cloud, group_id(cloud)).items():
        place, until = _decode_place(name), tags.parse_time(value)
        if place and until:
            found[place] = until
    return found


def avoid_place(cloud: Cloud, place: Place, until: datetime) -> None:
    """Have every run avoid a place for a while; what has expired is forgotten.

    Args:
        cloud: connection.
        place: what had no capacity.
        until: when it may be tried again (cloud time).
    """
    ensure_resource_group(cloud, place.region)
    known = avoided_places(cloud)
    now = cloud.clock.now()
    expired = [old for old, end in known.items() if end <= now]
    latest = sorted(set(known) - set(expired), key=lambda old: known[old])
    expired += latest[: max(0, len(latest) + 1 - MOST_REMEMBERED)]
    remove_tags(cloud, group_id(cloud), (_key(old) for old in expired))
    merge_tags(cloud, group_id(cloud), {_key(place): tags.format_time(until)})


def _key(place: Place) -> str:
    return tags.no_capacity_key(place.region, place.size)


def _decode_place(name: str) -> Place | None:
    """The place in a tag's name. Names lose their case: sizes get Azure's spelling back."""
    prefix, _, rest = name.lower().partition(f"{tags.NO_CAPACITY}.")
    region, _, size = rest.partition(".")
    if prefix or not region or not size:
        return None
    return Place(_spelled(size), region)


def _spelled(size: str) -> str:
    """`standard_d8ds_v5` as Azure spells it, `Standard_D8ds_v5`: tier and family begin in capitals.

    Enough for the families that can nest (D, E), whose features are written small.
    """
    return "_".join(part if part.startswith("v") else part.capitalize() for part in size.split("_"))


def _patch(cloud: Cloud, resource_id: str, operation: str, changed: dict[str, str]) -> None:
    body = {"operation": operation, "properties": {"tags": changed}}
    send(cloud, "PATCH", _tags_path(resource_id), {"api-version": TAGS_API}, body)


def _tags_path(resource_id: str) -> str:
    return f"{resource_id}/providers/Microsoft.Resources/tags/default"
