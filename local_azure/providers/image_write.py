"""Making, changing and deleting managed images.

A capture copies the OS disk of a generalized VM, never its temp disk, into content of the image's
own: what happens to the VM or to its disk afterwards does not touch the image. Images are made from
VMs only; from disks, snapshots and blobs the local Azure refuses to make them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_azure import errors
from local_azure.errors import AzureError
from local_azure.operations import Operation, step
from local_azure.providers import capture, life
from local_azure.providers.common import (
    IMAGE,
    check_preconditions,
    check_same_location,
    check_tags,
    keep,
    new_resource,
    operation_reply,
    touch,
)
from local_azure.providers.image_checks import check_source, check_unused
from local_azure.providers.images import ONE, describe, show_image
from local_azure.providers.settling import ends, fails, settles, succeed
from local_azure.route import Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

routes = Routes()
capture.awaits("image.create", "done")
settles("image.update")
fails("image.create")
ends("image.delete")


@routes.on("PUT", ONE)
def put_image(call: Call) -> Reply:
    """Capture a VM into a new image, or change an image's tags."""
    existing = call.find(IMAGE)
    check_preconditions(call, existing)
    if existing:
        check_same_location(call, existing)
        existing.body["tags"] = check_tags(call.body.get("tags"))
        if not _is_empty(existing):
            return _update(call, existing)
    image = existing or new_resource(call, IMAGE)
    vm, disk = check_source(call, image.location)
    describe(image, vm, disk, call.properties)
    image.hidden["source"] = capture.of_vm(vm, disk)
    touch(image)
    keep(call.cloud, image)
    call.cloud.machines.capture(image)
    return _begin(call, image, "create", 200 if existing else 201)


@routes.on("PATCH", ONE)
def patch_image(call: Call) -> Reply:
    """Change an image's tags, as a whole."""
    image = call.need(IMAGE)
    check_preconditions(call, image)
    if "tags" in call.body:
        image.body["tags"] = check_tags(call.body["tags"])
    return _update(call, image)


@routes.on("DELETE", ONE)
def delete_image(call: Call) -> Reply:
    """Delete an image; VMs that were made from it stay. 204 when there is none."""
    image = call.find(IMAGE)
    if image is None:
        return Reply(204)
    check_preconditions(call, image)
    check_unused(call, image)
    life.begin_end(call.cloud, image)
    return _begin(call, image, "delete", 202)


def _is_empty(image: Resource) -> bool:
    """Whether a capture failed: the same PUT tries again."""
    return image.properties["provisioningState"] == "Failed" and not capture.has_content(image)


def _update(call: Call, image: Resource) -> Reply:
    if call.cloud.operations.running_on(image.id):
        raise errors.conflict()
    asked = (call.properties.get("sourceVirtualMachine") or {}).get("id")
    if asked and asked.lower() != image.properties["sourceVirtualMachine"]["id"].lower():
        raise AzureError(
            409,
            "PropertyChangeNotAllowed",
            "Changing property 'sourceVirtualMachine.id' is not allowed.",
            target="sourceVirtualMachine.id",
        )
    if image.properties["provisioningState"] != "Failed":
        image.properties["provisioningState"] = "Updating"
    touch(image)
    keep(call.cloud, image)
    call.cloud.meter.relabel(image)
    return _begin(call, image, "update", 200)


def _begin(call: Call, image: Resource, action: str, status: int) -> Reply:
    now = call.cloud.clock.now()
    steps = [(now + call.cloud.durations.of("image", action), "done")]
    operation = Operation(f"image.{action}", image.id, image.location, now, steps)
    body = None if action == "delete" else show_image(image)
    return operation_reply(call, call.cloud.operations.begin(operation), status, body)


@step("image.create", "done")
def _captured(cloud: Cloud, operation: Operation, at: float) -> None:
    image = cloud.store.get(operation.resource)
    if image:
        capture.conclude(cloud, image)
        succeed(cloud, image, at)
