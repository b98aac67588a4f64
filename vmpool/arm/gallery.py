"""Golden images as versions of one image definition in a Compute Gallery of ours.

The gallery and the definition cost nothing and are made with the first version; a version is paid
per copy. Azure takes 1-3 % a minute to copy to another region, and a version whose creation failed
keeps its name until it is deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from azure.core.polling import LROPoller

from vmpool import naming, tags
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import API, GALLERY, VM, resource_id
from vmpool.arm.operations import STEP_CLOUD_SECONDS, Operation, begin, begin_unless_gone, run_all
from vmpool.arm.rest import Json, find, list_all
from vmpool.arm.settling import MOVING, Settling, provisioning_state
from vmpool.errors import NotFoundError
from vmpool.golden import Image, ImageKind, ImageState

STORAGE = "Standard_LRS"
"""The cheapest; a copy is read only when VMs are made."""
DEFINITION = {
    "osType": "Linux",
    "osState": "Generalized",
    "hyperVGeneration": "V2",
    "architecture": "x64",
    "identifier": {"publisher": "waa", "offer": "golden", "sku": naming.IMAGE_DEFINITION},
}
"""What every version must be: a disk of the Ubuntu image that we start from, deprovisioned."""


def list_images(cloud: Cloud) -> tuple[Image, ...]:
    """Our golden images in the gallery; none while there is no gallery.

    Args:
        cloud: connection.

    Raises:
        VmPoolError: Azure could not be asked.
    """
    try:
        documents = list_all(cloud, f"{_definition_id(cloud)}/versions", API[GALLERY])
    except NotFoundError:
        return ()
    return tuple(image for image in map(_decode, documents) if image)


def _decode(document: Json) -> Image | None:
    name, properties = naming.image_of_version(str(document["name"])), document["properties"]
    if name is None:
        return None
    region = _plain(document["location"])
    disk = properties.get("storageProfile", {}).get("osDiskImage") or {}
    image = tags.decode_image(
        name, str(document["id"]), region, int(disk.get("sizeInGB") or 0), document.get("tags")
    )
    if image is None:
        return None
    targets = properties.get("publishingProfile", {}).get("targetRegions") or []
    others = tuple(name for name in (_plain(t["name"]) for t in targets) if name != region)
    state = ImageState.FAILED if properties.get("provisioningState") == "Failed" else image.state
    replicas = sum(int(target.get("regionalReplicaCount") or 1) for target in targets)
    return replace(
        image,
        kind=ImageKind.GALLERY,
        state=state,
        replicated_to=others,
        replicas=max(replicas, 1),
    )


def _plain(region: Any) -> str:
    """`West US 2`, as galleries show their regions, as `westus2`."""
    return str(region).replace(" ", "").lower()


def _gallery_id(cloud: Cloud) -> str:
    return resource_id(cloud, GALLERY, naming.gallery_name(cloud.resource_group))


def _definition_id(cloud: Cloud) -> str:
    return f"{_gallery_id(cloud)}/images/{naming.IMAGE_DEFINITION}"


def image_resource_id(cloud: Cloud, name: str) -> str:
    """ARM id of an image."""
    return f"{_definition_id(cloud)}/versions/{naming.version_name(name)}"


def begin_capture(cloud: Cloud, vm: str, image: Image) -> Operation:
    """Have Azure publish a generalized VM's OS disk; ends when it is in every region.

    A version that is on its way already is waited for; one that failed is deleted first.

    Args:
        cloud: connection.
        vm: VM name.
        image: name, regions and what its tags shall say.

    Raises:
        PermanentError: the VM is not generalized, or a region is unknown.
    """
    path, what = image_resource_id(cloud, image.name), f"publish {vm} as {image.name}"
    state = provisioning_state(cloud, path, API[GALLERY])
    if state in MOVING:
        return Operation(what, Settling(cloud, path, API[GALLERY]))
    if state == "Failed":
        run_all(cloud, [partial(begin_delete_image, cloud, image.name)], STEP_CLOUD_SECONDS)
    _ensure_definition(cloud, image.region)
    targets = [
        {"name": region, "regionalReplicaCount": 1, "storageAccountType": STORAGE}
        for region in image.regions
    ]
    body: Any = {
        "location": image.region,
        "tags": tags.encode_image(image),
        "properties": {
            "storageProfile": {"source": {"virtualMachineId": resource_id(cloud, VM, vm)}},
            "publishingProfile": {"targetRegions": targets},
        },
    }
    versions = cloud.compute.gallery_image_versions
    place = _place(cloud, image.name)
    return begin(what, lambda: versions.begin_create_or_update(*place, body))


def _ensure_definition(cloud: Cloud, region: str) -> None:
    """Make the gallery and the definition where they are missing; versions may be elsewhere."""
    group, gallery = cloud.resource_group, naming.gallery_name(cloud.resource_group)
    compute = cloud.compute
    container: Any = {"location": region, "properties": {}}
    definition: Any = {"location": region, "properties": DEFINITION}
    steps: dict[str, Callable[[], LROPoller[Any]]] = {
        _gallery_id(cloud): partial(
            compute.galleries.begin_create_or_update, group, gallery, container
        ),
        _definition_id(cloud): partial(
            compute.gallery_images.begin_create_or_update,
            group,
            gallery,
            naming.IMAGE_DEFINITION,
            definition,
        ),
    }
    for path, start in steps.items():
        if find(cloud, path, API[GALLERY]) is None:
            made = partial(begin, f"create {path.rpartition('/')[2]}", start)
            run_all(cloud, [made], STEP_CLOUD_SECONDS)


def _place(cloud: Cloud, name: str) -> tuple[str, str, str, str]:
    """Where a version is, as Azure's client wants it."""
    gallery = naming.gallery_name(cloud.resource_group)
    return cloud.resource_group, gallery, naming.IMAGE_DEFINITION, naming.version_name(name)


def begin_delete_image(cloud: Cloud, name: str) -> Operation:
    """Have Azure delete a version with all its copies; a missing one is done already.

    Args:
        cloud: connection.
        name: image name.
    """
    versions = cloud.compute.gallery_image_versions
    return begin_unless_gone(
        f"delete image {name}", lambda: versions.begin_delete(*_place(cloud, name))
    )
