"""Golden images as managed images of the resource group that carry our tags.

Legacy by Azure's own word, but simple and free of a gallery: bound to one region, at most 20 VMs
created from one at the same time, and never from a Trusted Launch VM.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vmpool import tags
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import API, IMAGE, VM, group_id, resource_id
from vmpool.arm.operations import Operation, begin, begin_unless_gone
from vmpool.arm.rest import Json, list_all
from vmpool.golden import Image, ImageState

GENERATION = "V2"
"""That of the Ubuntu image that we start from; Azure refuses to mix them."""


def list_images(cloud: Cloud) -> tuple[Image, ...]:
    """Our golden images among the managed ones.

    Args:
        cloud: connection.

    Raises:
        VmPoolError: Azure could not be asked.
    """
    documents = list_all(cloud, f"{group_id(cloud)}/providers/{IMAGE}", API[IMAGE])
    return tuple(image for image in map(_decode, documents) if image)


def _decode(document: Json) -> Image | None:
    disk = document["properties"].get("storageProfile", {}).get("osDisk", {})
    image = tags.decode_image(
        str(document["name"]),
        str(document["id"]),
        str(document["location"]).replace(" ", "").lower(),
        int(disk.get("diskSizeGB") or 0),
        document.get("tags"),
    )
    is_failed = document["properties"].get("provisioningState") == "Failed"
    return replace(image, state=ImageState.FAILED) if image and is_failed else image


def image_resource_id(cloud: Cloud, name: str) -> str:
    """ARM id of an image."""
    return resource_id(cloud, IMAGE, name)


def begin_capture(cloud: Cloud, vm: str, image: Image) -> Operation:
    """Have Azure make an image of a generalized VM's OS disk.

    Args:
        cloud: connection.
        vm: VM name.
        image: name, region and what its tags shall say.

    Raises:
        PermanentError: the VM is not generalized, or is a Trusted Launch VM.
    """
    body: Any = {
        "location": image.region,
        "tags": tags.encode_image(image),
        "properties": {
            "sourceVirtualMachine": {"id": resource_id(cloud, VM, vm)},
            "hyperVGeneration": GENERATION,
        },
    }
    images = cloud.compute.images
    return begin(
        f"capture {vm} as {image.name}",
        lambda: images.begin_create_or_update(cloud.resource_group, image.name, body),
    )


def begin_delete_image(cloud: Cloud, name: str) -> Operation:
    """Have Azure delete an image; a missing one is done already.

    Args:
        cloud: connection.
        name: image name.
    """
    images = cloud.compute.images
    return begin_unless_gone(
        f"delete image {name}", lambda: images.begin_delete(cloud.resource_group, name)
    )
