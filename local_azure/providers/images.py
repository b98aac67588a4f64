"""Reading managed images, and how they look. Making them is `image_write`'s."""

from __future__ import annotations

import copy
from typing import Any

from local_azure.providers.common import IMAGE, list_of
from local_azure.route import GROUP, SUBSCRIPTION, Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

routes = Routes()
IN_GROUP = GROUP + "/providers/Microsoft.Compute/images"
ONE = IN_GROUP + "/{name}"


@routes.on("GET", ONE)
def get_image(call: Call) -> Reply:
    """One image."""
    return Reply(200, show_image(call.need(IMAGE)))


@routes.on("GET", IN_GROUP, SUBSCRIPTION + "/providers/Microsoft.Compute/images")
def list_images(call: Call) -> Reply:
    """The images of a group or of the subscription."""
    return list_of(call, IMAGE, show_image)


def describe(image: Resource, vm: Resource, disk: Resource, given: dict[str, Any]) -> None:
    """Fill a new image's document from the VM and the OS disk that it captures.

    Args:
        image: the image.
        vm: generalized VM.
        disk: its OS disk.
        given: the request's `properties`.
    """
    storage = given.get("storageProfile") or {}
    wanted = storage.get("osDisk") or {}
    own = vm.properties["storageProfile"]["osDisk"]
    os_disk = {
        "osType": "Linux",
        "osState": "Generalized",
        "managedDisk": {"id": disk.id},
        "caching": wanted.get("caching", own["caching"]),
        "storageAccountType": wanted.get("storageAccountType", disk.body["sku"]["name"]),
    }
    image.body["properties"] = {
        "sourceVirtualMachine": {"id": vm.id},
        "storageProfile": {
            "osDisk": os_disk,
            "dataDisks": [],
            "zoneResilient": bool(storage.get("zoneResilient", False)),
        },
        "provisioningState": "Creating",
        "hyperVGeneration": vm.hidden["generation"],
    }


def show_image(image: Resource) -> dict[str, Any]:
    """The document of an image; the size appears once it is captured, as recorded."""
    document = copy.deepcopy(image.body)
    if "used_bytes" in image.hidden:
        os_disk = document["properties"]["storageProfile"]["osDisk"]
        os_disk["diskSizeGB"] = image.hidden["source"]["disk_gib"]
    return document
