"""What every image does to get its content: a copy that its create operation waits for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from local_azure.errors import AzureError
from local_azure.machines import DISKS, IMAGES
from local_azure.operations import Operation, ready
from local_azure.state import Resource

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

log = logging.getLogger(__name__)
Origin = dict[str, Any]
"""Where content comes from, and what is known of it; kept in an image's hidden side."""


def of_vm(vm: Resource, disk: Resource) -> Origin:
    """The OS disk of a VM as a source."""
    return {
        "folder": DISKS,
        "guid": disk.hidden["guid"],
        "used_by": disk.hidden["used_by"],
        "disk_gib": disk.properties["diskSizeGB"],
        "os_version": vm.hidden["os_version"],
        "generation": vm.hidden["generation"],
    }


def of_image(image: Resource) -> Origin:
    """An image that has its content as a source."""
    known = image.hidden["source"]
    own = {"folder": IMAGES, "guid": image.hidden["guid"], "used_by": image.hidden["guid"]}
    return {**known, **own}


def has_content(image: Resource) -> bool:
    """Whether a capture has succeeded."""
    return "used_bytes" in image.hidden


def awaits(kind: str, name: str) -> None:
    """The step `name` of operations of `kind` waits until the copy is whole and safe."""
    ready(kind, name)(_is_over)


def _is_over(cloud: Cloud, operation: Operation) -> bool:
    image = cloud.store.get(operation.resource)
    return image is None or cloud.machines.is_captured(image)


def conclude(cloud: Cloud, image: Resource) -> None:
    """Note how much an image holds; not kept yet.

    Raises:
        AzureError: it could not be copied.
    """
    try:
        image.hidden["used_bytes"] = cloud.machines.captured_bytes(image)
    except OSError as error:
        log.error("%s: %s", image.id, error)  # noqa: TRY400 # the reason is enough
        raise AzureError(
            409, "InternalOperationError", "An internal execution error occurred."
        ) from error
