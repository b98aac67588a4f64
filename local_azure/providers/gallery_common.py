"""What galleries, image definitions and image versions do alike: names, nesting, operations."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from local_azure import errors
from local_azure.errors import AzureError
from local_azure.operations import Operation
from local_azure.providers.common import (
    DEFINITION,
    GALLERY,
    VERSION,
    new_resource,
    operation_reply,
    page_of,
)
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

PARENTS = {DEFINITION: GALLERY, VERSION: DEFINITION}
CHILDREN = {parent: child for child, parent in PARENTS.items()}
RULES = {
    GALLERY: ("gallery", r"^[^_\W][\w.]{0,79}(?<![.])$"),
    DEFINITION: ("galleryImage", r"^[^_\W][\w.-]{0,79}(?<![-.])$"),
    VERSION: ("galleryImageVersion", r"^[0-9]+\.[0-9]+\.[0-9]+$"),
}
"""How a type is called in messages, and what its names must look like (its API reference)."""
MOST = 2**31 - 1
"""Each part of a version is a 32-bit integer."""


def called(kind: str) -> str:
    """What messages call a type: `galleryImage`."""
    return RULES[kind][0]


def new_in_gallery(call: Call, kind: str) -> Resource:
    """A gallery, definition or version at the place that the path names; not kept yet.

    Raises:
        AzureError: its name will not do, or what it shall stand in does not exist.
    """
    word, rule = RULES[kind]
    name = call.resource_id(kind).rpartition("/")[2]
    is_large = kind == VERSION and any(int(p) > MOST for p in name.split(".") if p.isdecimal())
    if not re.fullmatch(rule, name, re.ASCII) or is_large:
        raise errors.invalid_parameter(
            f"{word}.name",
            f"The entity name '{word}.name' is invalid according to its validation rule: {rule}.",
        )
    parent = PARENTS.get(kind)
    if parent and call.find(parent) is None:
        raise errors.parent_not_found(kind.partition("/")[2], call.resource_id(parent))
    call.params["name"] = name
    return new_resource(call, kind)


def children_of(cloud: Cloud, parent: Resource) -> list[Resource]:
    """What stands directly in a gallery or definition."""
    kind = CHILDREN[parent.type]
    inside = f"{parent.id}/".lower()
    return [r for r in cloud.store.find_all(kind, parent.group) if r.id.lower().startswith(inside)]


def check_childless(cloud: Cloud, parent: Resource) -> None:
    """Nothing stands in a resource that is to be deleted.

    Raises:
        AzureError: something does; Azure lists a few.
    """
    children = children_of(cloud, parent)
    if children:
        raise errors.has_nested([child.id.partition("/providers/")[2] for child in children])


def list_children(call: Call, parent: str) -> Reply:
    """The list of what stands in the resource that the path names."""
    return page_of(call, children_of(call.cloud, call.need(parent)), attrgetter("body"))


def check_fixed(kind: str, old: dict[str, Any], new: dict[str, Any], *names: str) -> None:
    """What is given once can't be changed; what is left out stays.

    Raises:
        AzureError: a value is another.
    """
    for name in names:
        if name in new and new[name] != old.get(name):
            target = f"{called(kind)}.properties.{name}"
            raise AzureError(
                409,
                "PropertyChangeNotAllowed",
                f"Changing property '{target}' is not allowed.",
                target=target,
            )


def begin(call: Call, resource: Resource, kind: str, status: int, body: Any = None) -> Reply:
    """Start an operation of one step and answer."""
    now = call.cloud.clock.now()
    due = now + call.cloud.durations.of("gallery", kind.partition(".")[2])
    operation = Operation(kind, resource.id, resource.location, now, [(due, "done")])
    return operation_reply(call, call.cloud.operations.begin(operation), status, body)
