"""Azure Compute Galleries and the image definitions in them: containers that cost nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from local_azure import errors
from local_azure.errors import AzureError
from local_azure.providers import life
from local_azure.providers.common import (
    DEFINITION,
    GALLERY,
    check_preconditions,
    check_same_location,
    check_tags,
    keep,
    list_of,
    touch,
)
from local_azure.providers.gallery_common import (
    begin,
    called,
    check_childless,
    check_fixed,
    children_of,
    list_children,
    new_in_gallery,
)
from local_azure.providers.settling import ends, settles
from local_azure.route import GROUP, SUBSCRIPTION, Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

routes = Routes()
settles("gallery.put")
ends("gallery.delete")
GALLERIES = GROUP + "/providers/Microsoft.Compute/galleries"
ONE = GALLERIES + "/{gallery}"
ONE_DEFINITION = ONE + "/images/{definition}"
FIXED = ("osType", "osState", "hyperVGeneration", "architecture", "identifier")
IDENTIFIER = ("publisher", "offer", "sku")
CHOICES = {
    "osType": ("Linux", "Windows"),
    "osState": ("Generalized", "Specialized"),
    "hyperVGeneration": ("V1", "V2"),
    "architecture": ("x64", "Arm64"),
}
Fill = Callable[[Call, Resource], None]


@routes.on("GET", GALLERIES, SUBSCRIPTION + "/providers/Microsoft.Compute/galleries")
def list_galleries(call: Call) -> Reply:
    """The galleries of a group or of the subscription."""
    return list_of(call, GALLERY, attrgetter("body"))


@routes.on("GET", ONE)
def get_gallery(call: Call) -> Reply:
    """One gallery."""
    return Reply(200, call.need(GALLERY).body)


@routes.on("GET", ONE + "/images")
def list_definitions(call: Call) -> Reply:
    """The image definitions of a gallery."""
    return list_children(call, GALLERY)


@routes.on("GET", ONE_DEFINITION)
def get_definition(call: Call) -> Reply:
    """One image definition."""
    return Reply(200, call.need(DEFINITION).body)


@routes.on("PUT", ONE)
def put_gallery(call: Call) -> Reply:
    """Create or change a gallery."""
    return _put(call, GALLERY, _fill_gallery)


@routes.on("PUT", ONE_DEFINITION)
def put_definition(call: Call) -> Reply:
    """Create or change an image definition."""
    return _put(call, DEFINITION, _fill_definition)


@routes.on("PATCH", ONE)
def patch_gallery(call: Call) -> Reply:
    """Change what the body names."""
    return _patch(call, GALLERY, _fill_gallery)


@routes.on("PATCH", ONE_DEFINITION)
def patch_definition(call: Call) -> Reply:
    """Change what the body names."""
    return _patch(call, DEFINITION, _fill_definition)


@routes.on("DELETE", ONE)
def delete_gallery(call: Call) -> Reply:
    """Delete a gallery in which nothing is left."""
    return _delete(call, GALLERY)


@routes.on("DELETE", ONE_DEFINITION)
def delete_definition(call: Call) -> Reply:
    """Delete an image definition without versions."""
    return _delete(call, DEFINITION)


def _put(call: Call, kind: str, fill: Fill) -> Reply:
    existing = call.find(kind)
    check_preconditions(call, existing)
    if existing:
        check_same_location(call, existing)
        existing.body["tags"] = check_tags(call.body.get("tags"))
    resource = existing or new_in_gallery(call, kind)
    fill(call, resource)
    return _write(call, resource, 200 if existing else 201)


def _patch(call: Call, kind: str, fill: Fill) -> Reply:
    resource = call.need(kind)
    check_preconditions(call, resource)
    if "tags" in call.body:
        resource.body["tags"] = check_tags(call.body["tags"])
    fill(call, resource)
    return _write(call, resource, 200)


def _write(call: Call, resource: Resource, status: int) -> Reply:
    resource.properties["provisioningState"] = "Creating" if status == 201 else "Updating"  # noqa: PLR2004 # HTTP's own number
    touch(resource)
    keep(call.cloud, resource)
    shown = copy.deepcopy(resource.body)
    return begin(call, resource, "gallery.put", status, shown)


def _delete(call: Call, kind: str) -> Reply:
    resource = call.find(kind)
    if resource is None:
        return Reply(204)
    check_preconditions(call, resource)
    check_childless(call.cloud, resource)
    life.begin_end(call.cloud, resource)
    return begin(call, resource, "gallery.delete", 202)


def _fill_gallery(call: Call, gallery: Resource) -> None:
    _check_unique(call, gallery)
    unique = f"{call.cloud.identity.subscription_id}-{gallery.name.upper()}"
    gallery.properties["identifier"] = {"uniqueName": unique}
    if "description" in call.properties:
        gallery.properties["description"] = call.properties["description"]


def _check_unique(call: Call, gallery: Resource) -> None:
    """A gallery's name is unique in its subscription (Azure's how-to; the words are ours)."""
    others = call.cloud.store.find_all(GALLERY)
    if any(g.name.lower() == gallery.name.lower() and g.group != gallery.group for g in others):
        raise AzureError(
            409, "Conflict", f"A gallery named '{gallery.name}' exists in this subscription."
        )


def _fill_definition(call: Call, definition: Resource) -> None:
    given, own = call.properties, definition.properties
    if own:
        check_fixed(DEFINITION, own, given, *FIXED)
    else:
        _check_definition(call, given)
    defaults: dict[str, Any] = {"hyperVGeneration": "V1", "architecture": "x64"}
    fresh = {key: value for key, value in given.items() if key != "provisioningState"}
    definition.body["properties"] = defaults | own | fresh


def _check_definition(call: Call, given: dict[str, Any]) -> None:
    identifier = given.get("identifier") or {}
    required = {"osType": given, "osState": given} | dict.fromkeys(IDENTIFIER, identifier)
    for name, holder in required.items():
        if not holder.get(name):
            target = f"{called(DEFINITION)}.properties.{name}"
            raise errors.invalid_parameter(
                target, f"Required parameter '{target}' is missing (null)."
            )
    for name, allowed in CHOICES.items():
        if given.get(name, allowed[0]) not in allowed:
            raise errors.invalid_parameter(
                name, f"The value of parameter {name} is invalid: {', '.join(allowed)}."
            )
    _check_identifier(call, identifier)


def _check_identifier(call: Call, identifier: dict[str, Any]) -> None:
    """Publisher, offer and SKU together are unique in a gallery (Azure's how-to; our words)."""
    for other in children_of(call.cloud, call.need(GALLERY)):
        known = other.properties["identifier"]
        if all(known[key].lower() == str(identifier[key]).lower() for key in IDENTIFIER):
            raise AzureError(
                409, "Conflict", f"The image definition '{other.name}' has the same identifier."
            )
