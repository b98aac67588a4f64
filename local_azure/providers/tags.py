"""The Tags API: read, replace, merge or remove the tags of a subscription, group or resource."""

from __future__ import annotations

from collections import Counter
from typing import Any

from local_azure import errors
from local_azure.providers.common import check_tags, page
from local_azure.route import SUBSCRIPTION, Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

routes = Routes()
PATH = "{scope:path}/providers/Microsoft.Resources/tags/default"


@routes.on("GET", PATH)
def get_tags(call: Call) -> Reply:
    """The tags of a scope."""
    return Reply(200, _show(_target(call)))


@routes.on("PUT", PATH)
def put_tags(call: Call) -> Reply:
    """Replace all tags of a scope."""
    return _write(call, _target(call), _given(call))


@routes.on("PATCH", PATH)
def patch_tags(call: Call) -> Reply:
    """Merge, replace or delete tags."""
    target, given = _target(call), _given(call)
    operation = str(call.body.get("operation", "")).lower()
    if operation == "merge":
        return _write(call, target, _merge(target.tags, given))
    if operation == "replace":
        return _write(call, target, given)
    if operation == "delete":
        return _write(call, target, _without(target.tags, given))
    raise errors.gateway(
        400,
        "InvalidTagPatchOperation",
        f"The operation '{call.body.get('operation')}' is not one of Merge, Replace, Delete.",
    )


@routes.on("DELETE", PATH)
def delete_tags(call: Call) -> Reply:
    """Remove all tags of a scope."""
    _write(call, _target(call), {})
    return Reply(200)


@routes.on("GET", SUBSCRIPTION + "/tagNames")
def list_names(call: Call) -> Reply:
    """Every tag name in use, with its values and how many resources carry each."""
    counted: dict[str, Counter[str]] = {}
    for resource in call.cloud.store.find_all():
        for name, value in resource.tags.items():
            counted.setdefault(name, Counter())[value] += 1
    return page(call, [(name, _name(call, name, values)) for name, values in counted.items()])


def _name(call: Call, name: str, values: Counter[str]) -> dict[str, Any]:
    own = f"/subscriptions/{call.params['subscription']}/tagNames/{name}"
    shown = [
        {
            "id": f"{own}/tagValues/{value}",
            "tagValue": value,
            "count": {"type": "Total", "value": count},
        }
        for value, count in sorted(values.items())
    ]
    total = {"type": "Total", "value": values.total()}
    return {"id": own, "tagName": name, "count": total, "values": shown}


def _target(call: Call) -> Resource:
    scope = call.params["scope"].rstrip("/")
    found = call.cloud.store.get(scope)
    if found:
        return found
    parts = scope.split("/")
    if len(parts) == 5:  # noqa: PLR2004 # /subscriptions/S/resourceGroups/G
        raise errors.group_not_found(parts[-1])
    if len(parts) > 8:  # noqa: PLR2004 # .../providers/N/T/name
        raise errors.resource_not_found("/".join(parts[6:8]), parts[8], parts[4])
    raise errors.subscription_not_found(parts[2] if len(parts) > 2 else scope)  # noqa: PLR2004


def _given(call: Call) -> dict[str, str]:
    return check_tags(call.properties.get("tags"))


def _merge(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    return {**_without(old, new, keep_equal=False), **new}


def _without(
    old: dict[str, str], gone: dict[str, str], *, keep_equal: bool = True
) -> dict[str, str]:
    """Tags that are not in `gone`; names compare without case.

    `Delete` takes a tag only when its value is the given one (or none was given).
    """
    values = {name.lower(): value for name, value in gone.items()}
    return {
        name: value
        for name, value in old.items()
        if name.lower() not in values or (keep_equal and values[name.lower()] not in ("", value))
    }


def _write(call: Call, target: Resource, tags: dict[str, str]) -> Reply:
    target.body["tags"] = check_tags(tags)
    call.cloud.store.put(target)
    call.cloud.meter.relabel(target)
    return Reply(200, _show(target))


def _show(target: Resource) -> dict[str, Any]:
    return {
        "id": f"{target.id}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": target.tags},
    }
