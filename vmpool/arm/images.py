"""Golden images of both kinds, behind one front: managed images and versions in a gallery.

Whichever kind is made now, both are listed and can be used and deleted: people change their mind.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Protocol

from vmpool.arm import gallery, managed_images
from vmpool.arm.clients import Cloud
from vmpool.arm.errors import translated
from vmpool.arm.operations import Operation
from vmpool.arm.rest import at_once
from vmpool.golden import Image, ImageKind


class Kind(Protocol):
    """What the module of a kind of image can do."""

    def list_images(self, cloud: Cloud) -> tuple[Image, ...]:
        """Our golden images of this kind."""

    def image_resource_id(self, cloud: Cloud, name: str) -> str:
        """ARM id of an image."""

    def begin_capture(self, cloud: Cloud, vm: str, image: Image) -> Operation:
        """Have Azure make an image of a generalized VM's OS disk."""

    def begin_delete_image(self, cloud: Cloud, name: str) -> Operation:
        """Have Azure delete an image; a missing one is done already."""


KINDS: dict[ImageKind, Kind] = {ImageKind.MANAGED: managed_images, ImageKind.GALLERY: gallery}


def list_images(cloud: Cloud) -> tuple[Image, ...]:
    """Our golden images, the newest first; others' images are left out.

    Args:
        cloud: connection.

    Raises:
        VmPoolError: Azure could not be asked.
    """
    found = at_once([partial(kind.list_images, cloud) for kind in KINDS.values()])
    images = [image for listed in found for image in listed]
    return tuple(sorted(images, key=lambda image: image.created_at, reverse=True))


def with_resource_id(cloud: Cloud, image: Image) -> Image:
    """An image that is to be made, with the ARM id that it will have."""
    return replace(image, resource_id=KINDS[image.kind].image_resource_id(cloud, image.name))


def generalize(cloud: Cloud, vm: str) -> None:
    """Mark a deallocated VM as generalized. One-way: it never starts again.

    Args:
        cloud: connection.
        vm: VM name.

    Raises:
        VmPoolError: it runs, or Azure refused.
    """
    with translated(f"generalize VM {vm}"):
        cloud.compute.virtual_machines.generalize(cloud.resource_group, vm)


def begin_capture(cloud: Cloud, vm: str, image: Image) -> Operation:
    """Have Azure make an image of a generalized VM's OS disk.

    Args:
        cloud: connection.
        vm: VM name.
        image: name, kind, regions and what its tags shall say.

    Raises:
        PermanentError: the VM is not fit for it, or a region is unknown.
    """
    return KINDS[image.kind].begin_capture(cloud, vm, image)


def begin_delete_image(cloud: Cloud, image: Image) -> Operation:
    """Have Azure delete an image; a missing one is done already.

    Args:
        cloud: connection.
        image: its name and kind.
    """
    return KINDS[image.kind].begin_delete_image(cloud, image.name)
