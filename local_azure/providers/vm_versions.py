"""Which gallery image version a VM is made from: the one named, or a definition's latest.

Codes and words: terraform-azurerm-caf#852 (not replicated), bicep-registry-modules#462 (no latest).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local_azure.errors import AzureError
from local_azure.providers.common import DEFINITION, VERSION
from local_azure.providers.image_checks import check_staying
from local_azure.providers.replication import is_in
from local_azure.state import Resource

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

IN_GALLERY = "/providers/microsoft.compute/galleries/"
LATEST = re.compile(r"/versions/latest$", re.IGNORECASE)


def find_version(cloud: Cloud, image_id: str, region: str) -> Resource:
    """The version that an `imageReference.id` means in a region.

    Args:
        cloud: where it is.
        image_id: id of a version, or of a definition.
        region: of the VM that is to be made.

    Raises:
        AzureError: there is none, not in that region, or it is being deleted.
    """
    definition = cloud.store.get(LATEST.sub("", image_id))
    if definition and definition.type == DEFINITION:
        return _latest(cloud, definition, region)
    version = cloud.store.get(image_id)
    if version is None or version.type != VERSION or not is_in(version, region):
        raise AzureError(
            404,
            "GalleryImageNotFound",
            f'"The gallery image {image_id} is not available in {region} region. Please contact '
            'image owner to replicate to this region, or change your requested region."',
            target="imageReference",
        )
    check_staying("Create VM", "Gallery Image Version", version)
    return version


def _latest(cloud: Cloud, definition: Resource, region: str) -> Resource:
    inside = f"{definition.id}/versions/".lower()
    found = [
        version
        for version in cloud.store.find_all(VERSION, definition.group)
        if version.id.lower().startswith(inside)
        and is_in(version, region)
        and version.properties["provisioningState"] != "Deleting"
        and not version.properties["publishingProfile"]["excludeFromLatest"]
    ]
    if not found:
        raise AzureError(
            400,
            "InvalidParameter",
            f"In region {region}, the following list of Shared Image Gallery images referenced "
            f"from the deployment template were not found: {definition.id}/versions/latest. Please "
            f"check that at least one image has been replicated to {region} or that the 'exclude "
            "from latest' flag is set to false. Please refer to https://docs.microsoft.com/en-us/"
            "azure/virtual-machines/windows/shared-image-galleries for instructions on creating "
            "and deleting such images.",
            target="imageReference",
        )
    return max(found, key=lambda version: [int(part) for part in version.name.split(".")])
