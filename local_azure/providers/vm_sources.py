"""What a new VM's OS disk is copied from: a platform, managed or gallery image, with the refusals.

Messages for managed images are from azure-docs#53728 (region), azure-cli#27975 (Trusted Launch) and
the published list of common error messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local_azure import errors
from local_azure.catalog import IMAGE_GIB
from local_azure.errors import AzureError
from local_azure.providers import capture
from local_azure.providers.common import IMAGE
from local_azure.providers.image_checks import SECURED, check_staying
from local_azure.providers.vm_versions import IN_GALLERY, find_version
from local_azure.state import Resource
from local_azure.wire import Call

Json = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """An image that a VM is made from.

    Attributes:
        reference: `imageReference` as the VM shows it.
        generation: Hyper-V generation.
        os_version: Ubuntu's.
        disk_gib: size of the disk in it.
        image: the managed image or gallery image version, None for a platform image.
    """

    reference: Json
    generation: str
    os_version: str
    disk_gib: int
    image: Resource | None = None


def find_source(call: Call, given: Json, vm: Resource) -> Source:
    """The image that a request names.

    Args:
        call: the request.
        given: `properties` of the request.
        vm: the VM that is to be made.

    Raises:
        AzureError: there is no such image, or it will not do.
    """
    storage = given.get("storageProfile") or {}
    reference = storage.get("imageReference") or {}
    option = str((storage.get("osDisk") or {}).get("createOption", "FromImage"))
    if option != "FromImage" or storage.get("dataDisks"):
        raise errors.invalid_parameter(
            "storageProfile",
            "The local Azure makes OS disks from platform, managed and gallery images only, and no "
            "data disks.",
        )
    if IN_GALLERY in str(reference.get("id", "")).lower():
        return _gallery(call, given, str(reference["id"]), vm)
    if reference.get("id"):
        return _managed(call, given, str(reference["id"]), vm)
    return _platform(call, reference)


def disk_size(storage: Json, source: Source) -> int:
    """Size of the OS disk in GiB: at least the image's, which is the default."""
    size = int((storage.get("osDisk") or {}).get("diskSizeGB") or source.disk_gib)
    if size < source.disk_gib:
        raise AzureError(
            400,
            "ResizeDiskError",
            f"The specified disk size {size} GB is smaller than the size of the corresponding disk "
            f"in the VM image: {source.disk_gib} GB. This is not allowed. Please choose equal or "
            "greater size or do not specify an explicit size.",
            target="osDisk.diskSizeGB",
        )
    return size


def _platform(call: Call, reference: Json) -> Source:
    version = call.cloud.catalog.image_version(reference)
    if version is None:
        urn = ":".join(str(reference.get(k, "")) for k in ("publisher", "offer", "sku", "version"))
        raise AzureError(
            404,
            "PlatformImageNotFound",
            f"The platform image '{urn}' is not available. Verify that all fields in the storage "
            "profile are correct. For more details about storage profile information, please refer "
            "to https://aka.ms/storageprofile",
            target="imageReference",
        )
    return Source(
        {**reference, "exactVersion": version},
        call.cloud.catalog.generation(reference),
        ".".join(version.split(".")[:2]),
        IMAGE_GIB,
    )


def _managed(call: Call, given: Json, image_id: str, vm: Resource) -> Source:
    image = call.cloud.store.get(image_id)
    if image is None or image.type != IMAGE or image.location != vm.location:
        raise AzureError(
            404,
            "NotFound",
            f"The Image '{image_id}' cannot be found in '{vm.location}' region.",
            target="imageReference",
        )
    _check_usable(image, vm)
    _check_security(given)
    return _from(image, {"id": image.id})


def _gallery(call: Call, given: Json, image_id: str, vm: Resource) -> Source:
    version = find_version(call.cloud, image_id, vm.location)
    _check_security(given)
    return _from(version, {"id": image_id, "exactVersion": version.name})


def _from(image: Resource, reference: Json) -> Source:
    kept = image.hidden["source"]
    return Source(reference, kept["generation"], kept["os_version"], kept["disk_gib"], image)


def _check_security(given: Json) -> None:
    security = str((given.get("securityProfile") or {}).get("securityType", ""))
    if security.lower() in SECURED:
        raise AzureError(
            400,
            "BadRequest",
            "Use of TrustedLaunch setting is not supported for the provided image. Please select "
            "Trusted Launch Supported Gen2 OS Image. For more information, see "
            "https://aka.ms/TrustedLaunch-FAQ.",
        )


def _check_usable(image: Resource, vm: Resource) -> None:
    check_staying("Create VM", "Image", image)
    if not capture.has_content(image):
        raise errors.not_allowed(
            f"The resource '{vm.name}' cannot be created from Image '{image.name}' until Image has "
            "been successfully created."
        )
