"""What Azure refuses of a gallery image version, with Azure's code and words where they are known.

Sources: azure-cli#24972 (OS state), azure-docs#118774 (generation; told by the operation, which
leaves a failed version), packer#8895 and terraform-provider-azurerm#7751 (regions), packer#9716
(source), packer#11558 (a failed version). What is worded by analogy says so.
"""

from __future__ import annotations

from typing import Any

from local_azure import errors
from local_azure.errors import AzureError
from local_azure.providers import capture
from local_azure.providers.capture import Origin
from local_azure.providers.common import DEFINITION, IMAGE, VERSION, VM
from local_azure.providers.gallery_common import called
from local_azure.providers.image_checks import check_staying, os_disk
from local_azure.state import Resource
from local_azure.wire import Call

TARGETS = f"{called(VERSION)}.properties.publishingProfile.targetRegions"
STORAGE = ("Standard_LRS", "Standard_ZRS")
MOST_REPLICAS = 50
SOURCES = ("virtualMachineId", "id")
"""A VM has a field of its own since 2022-08-03; the older one takes it too."""


def source_id(given: dict[str, Any]) -> str:
    """The id of what a request's `properties` name as source, "" for none."""
    source = (given.get("storageProfile") or {}).get("source") or {}
    return next((str(source[key]) for key in SOURCES if source.get(key)), "")


def check_source(call: Call, version: Resource) -> Origin:
    """The source that a new version shall be made from.

    Raises:
        AzureError: it is not there or will not do.
    """
    wanted = source_id(call.properties)
    source = call.cloud.store.get(wanted)
    if source is None or source.type not in (VM, IMAGE, VERSION):
        raise errors.invalid_parameter(
            f"{called(VERSION)}.properties.storageProfile.source.id",
            f"The source '{wanted}' was not found: the local Azure makes image versions from "
            "virtual machines, managed images and image versions.",
        )
    check_staying("Create Gallery Image Version", "Source", source)
    is_elsewhere = source.type in (VM, IMAGE) and source.location != version.location
    if is_elsewhere:  # worded by analogy
        raise _different(source, "location", source.location, version.location)
    if source.type == VM:
        return _from_vm(call, source)
    if not capture.has_content(source):
        raise errors.not_allowed(
            f"The resource '{version.name}' cannot be created from '{source.name}' until it has "
            "been successfully created."
        )
    return capture.of_image(source)


def _from_vm(call: Call, vm: Resource) -> Origin:
    state = "Generalized" if vm.hidden.get("is_generalized") else "Specialized"
    wanted = call.need(DEFINITION).properties["osState"]
    if state != wanted:
        raise _different(vm, "OS state", state, wanted)
    if state == "Specialized":
        raise errors.not_allowed(
            "The local Azure makes image versions from generalized virtual machines only."
        )
    return capture.of_vm(vm, os_disk(call.cloud, vm))


def mismatch(definition: Resource, source: str, origin: Origin) -> AzureError | None:
    """What the operation finds out later: the source is not of the definition's kind."""
    facts = {
        "Hypervisor generation": (origin["generation"], definition.properties["hyperVGeneration"]),
        "OS type": ("Linux", definition.properties["osType"]),  # worded by analogy
    }
    for name, (own, wanted) in facts.items():
        if own != wanted:
            return AzureError(409, "Conflict", _differs(source, name, own, wanted))
    return None


def _different(source: Resource, name: str, own: str, wanted: str) -> AzureError:
    return AzureError(400, "BadRequest", _differs(source.id, name, own, wanted))


def _differs(source: str, name: str, own: str, wanted: str) -> str:
    return (
        f"The resource with id '{source}' has a different {name} ['{own}'] than the parent gallery "
        f"image {name} ['{wanted}']."
    )


def target_regions(call: Call, version: Resource, given: list[dict[str, Any]]) -> dict[str, int]:
    """Replicas by region, as a publishing profile asks for them.

    Raises:
        AzureError: a region is unknown, named twice or missing, or a count is none.
    """
    names = [_region(call, str(target.get("name", ""))) for target in given]
    if len(set(names)) < len(names):
        raise errors.invalid_parameter(
            TARGETS, "Duplicate regions are not allowed in target publishing regions."
        )
    if version.location not in names:
        raise errors.invalid_parameter(
            TARGETS,
            f"Gallery image version publishing profile regions '{','.join(names)}' must contain "
            f"the location of image version '{call.cloud.catalog.regions[version.location]}'.",
        )
    return {name: _replicas(target) for name, target in zip(names, given, strict=True)}


def _region(call: Call, name: str) -> str:
    known = call.cloud.catalog.region(name)
    if known is None:
        raise errors.location_unknown(name, VERSION, list(call.cloud.catalog.regions))
    return known


def _replicas(target: dict[str, Any]) -> int:
    count = target.get("regionalReplicaCount", 1)
    if not isinstance(count, int) or not 1 <= count <= MOST_REPLICAS:
        raise errors.invalid_parameter(
            f"{TARGETS}.regionalReplicaCount",
            f"The value {count} of parameter '{TARGETS}.regionalReplicaCount' is out of range. The "
            f"value must be between 1 and {MOST_REPLICAS}, inclusive.",
        )
    if target.get("storageAccountType", STORAGE[0]) not in STORAGE:
        raise errors.invalid_parameter(
            f"{TARGETS}.storageAccountType",
            f"The local Azure stores image versions as {' or '.join(STORAGE)}.",
        )
    return count


def check_again(call: Call, version: Resource) -> None:
    """A version that exists may be changed, not made again.

    Raises:
        AzureError: its creation failed, it has another source, or something is going on.
    """
    if call.cloud.operations.running_on(version.id):
        raise errors.conflict()
    if not capture.has_content(version):  # seen by many, recorded by nobody: the words are ours
        raise AzureError(
            409,
            "Conflict",
            f"The gallery image version '{version.name}' is in a failed state: delete it before "
            "creating it again.",
        )
    asked = source_id(call.properties)
    if asked and asked.lower() != source_id(version.properties).lower():
        target = f"{called(VERSION)}.properties.storageProfile.source.id"
        raise AzureError(
            409,
            "PropertyChangeNotAllowed",
            f"Changing property '{target}' is not allowed.",
            target=target,
        )


def check_removals(call: Call, version: Resource, wanted: dict[str, int]) -> None:
    """A region is given up only where the safety profile allows it (the words are ours)."""
    safety = version.properties["safetyProfile"] | (call.properties.get("safetyProfile") or {})
    gone = sorted(set(version.hidden["regions"]) - set(wanted))
    if gone and not safety.get("allowDeletionOfReplicatedLocations"):
        raise errors.not_allowed(
            f"Removing the gallery image version '{version.name}' from '{', '.join(gone)}' is not "
            "allowed: allowDeletionOfReplicatedLocations is false."
        )
