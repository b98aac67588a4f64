"""Golden images of both kinds over the wire: made, listed, usable where they should be, deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from arm_pools import Pool, Trouble, connected, finish, generalized_vm, golden_image

from local_azure.control import Status
from vmpool.arm import images, machines, tagging
from vmpool.arm.clients import Cloud
from vmpool.arm.pipeline import Exchange
from vmpool.errors import NotFoundError, PermanentError, TransientError
from vmpool.golden import ImageKind, ImageState


@pytest.fixture
def own(arm_azure: Status, tmp_path: Path, unique_name: str) -> Cloud:
    """A connection with a resource group of the test's own."""
    return connected(arm_azure, tmp_path / "own", resource_group=f"waa-{unique_name}")


@pytest.mark.parametrize(
    ("kind", "others"), [(ImageKind.MANAGED, ()), (ImageKind.GALLERY, ("westus2",))]
)
def test_image_is_made_listed_promoted_and_deleted(
    own: Cloud, unique_name: str, kind: ImageKind, others: tuple[str, ...]
) -> None:
    image = images.with_resource_id(own, golden_image(kind, *others))
    finish(images.begin_capture(own, generalized_vm(own, unique_name), image))
    assert images.list_images(own) == (image,)
    tagging.merge_tags(own, image.resource_id, {"waa-image-state": "current"})
    assert images.list_images(own) == (replace(image, state=ImageState.CURRENT),)
    finish(images.begin_delete_image(own, image))
    assert images.list_images(own) == ()
    finish(images.begin_delete_image(own, image))


def test_both_kinds_are_listed_side_by_side(own: Cloud, unique_name: str) -> None:
    vm = generalized_vm(own, unique_name)
    for kind in ImageKind:
        finish(images.begin_capture(own, vm, golden_image(kind)))
    assert {image.kind for image in images.list_images(own)} == set(ImageKind)


def test_a_vm_is_made_from_a_version_in_a_region_that_it_was_replicated_to(
    own: Cloud, unique_name: str
) -> None:
    image = images.with_resource_id(own, golden_image(ImageKind.GALLERY, "westus2"))
    finish(images.begin_capture(own, generalized_vm(own, unique_name), image))
    far = Pool(own, f"{unique_name}far", region="westus2")
    (nic,) = far.networks(1)
    finish(machines.begin_create(own, replace(far.request(0, nic), image_id=image.resource_id)))
    refused = Pool(own, f"{unique_name}no", region="eastus2")
    (nic,) = refused.networks(1)
    request = replace(refused.request(0, nic), image_id=image.resource_id)
    with pytest.raises(NotFoundError, match="not available in eastus2 region"):
        machines.begin_create(own, request)


def test_a_version_that_azure_could_not_finish_is_shown_as_failed(
    own: Cloud, unique_name: str, arm_azure: Status
) -> None:
    vm = generalized_vm(own, unique_name)
    where = f"waa-{unique_name}/.*versions"
    Trouble(arm_azure, own).fault(
        kind="operation", operation="version.create", resource=where, mode="failed", times=1
    )
    operation = images.begin_capture(own, vm, golden_image(ImageKind.GALLERY, "westus2"))
    with pytest.raises(TransientError, match="internal execution error"):
        finish(operation)
    assert [image.state for image in images.list_images(own)] == [ImageState.FAILED]


def test_a_version_that_failed_makes_room_for_the_next_try(
    own: Cloud, unique_name: str, arm_azure: Status
) -> None:
    vm, where = generalized_vm(own, unique_name), f"waa-{unique_name}/.*versions"
    Trouble(arm_azure, own).fault(
        kind="operation", operation="version.create", resource=where, mode="failed", times=1
    )
    image = images.with_resource_id(own, golden_image(ImageKind.GALLERY))
    with pytest.raises(TransientError):
        finish(images.begin_capture(own, vm, image))
    finish(images.begin_capture(own, vm, image))
    assert images.list_images(own) == (image,)


def test_a_version_on_its_way_is_waited_for_and_not_begun_anew(
    fresh_cloud: Callable[..., Trouble], unique_name: str
) -> None:
    cloud = fresh_cloud(speed=1000.0).cloud
    vm, image = generalized_vm(cloud, unique_name), golden_image(ImageKind.GALLERY, "westus2")
    images.begin_capture(cloud, vm, image)  # whoever began it is gone
    seen: list[Exchange] = []
    cloud.watchers.append(seen.append)
    finish(images.begin_capture(cloud, vm, image))
    assert {exchange.method for exchange in seen} == {"GET"}
    finish(machines.begin_delete(cloud, vm))
    (made,) = images.list_images(cloud)
    (nic,) = Pool(cloud, "far", region="westus2").networks(1)
    request = Pool(cloud, "far", region="westus2").request(0, nic)
    finish(machines.begin_create(cloud, replace(request, image_id=made.resource_id)))


def test_a_running_vm_is_not_published(own: Cloud, unique_name: str) -> None:
    (vm,) = Pool(own, unique_name).create(1)
    with pytest.raises(PermanentError, match="different OS state"):
        images.begin_capture(own, vm, golden_image(ImageKind.GALLERY))


def test_listing_asks_once_for_each_kind(own: Cloud) -> None:
    seen: list[Exchange] = []
    own.watchers.append(seen.append)
    assert images.list_images(own) == ()
    assert len(seen) == len(ImageKind)
