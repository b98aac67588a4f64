"""Pure: which golden image is taken, which are promoted, kept and pruned. Nothing here acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from vmpool.context import BASE_LABEL, WINDOWS_LABEL
from vmpool.errors import NotFoundError, UsageError
from vmpool.golden import Image, ImageState
from vmpool.model import PoolSpec

AUTO, NONE = "auto", "none"
"""Words of `--image` beside an image's name."""
KEPT = 2
"""Good images that are kept: the current one, and the one to go back to."""
SHORT_DIGEST = len("sha256:") + 12


def named(images: Sequence[Image], name: str) -> Image:
    """The image of a name, whatever its state.

    Raises:
        NotFoundError: there is none.
    """
    found = next((image for image in images if image.name == name), None)
    if found is None:
        known = ", ".join(image.name for image in images) or "there are none"
        raise NotFoundError(f"no image {name!r} ({known}): oa-vm image-list shows them")
    return found


def choose(images: Sequence[Image], wanted: str) -> Image | None:
    """The image that a pool is created from.

    Args:
        images: ours.
        wanted: `auto`, `none`, or an image's name.

    Returns:
        The image; None for bare Ubuntu.

    Raises:
        NotFoundError: there is no image of that name.
        UsageError: it is one that failed.
    """
    if wanted == NONE:
        return None
    if wanted == AUTO:
        current = [image for image in images if image.state is ImageState.CURRENT]
        return max(current, key=lambda image: image.created_at, default=None)
    image = named(images, wanted)
    if image.state is ImageState.FAILED:
        raise UsageError(f"image {wanted} failed its bake: choose another (oa-vm image-list)")
    return image


def from_image(spec: PoolSpec, images: Sequence[Image], wanted: str) -> PoolSpec:
    """The same wish, made from an image whose regions come first: it can't be used elsewhere.

    Args:
        spec: what is wanted of the pool.
        images: ours.
        wanted: `auto`, `none`, or an image's name.

    Raises:
        NotFoundError: there is no image of that name.
        UsageError: the named image failed, or is in none of the wanted regions.
    """
    usable = [image for image in images if set(image.regions) & set(spec.regions)]
    image = choose(usable if wanted == AUTO else images, wanted)
    if image is None:
        return spec
    first = tuple(region for region in spec.regions if region in image.regions)
    if not first:
        where = " and ".join(image.regions)
        raise UsageError(f"image {image.name} can be used in {where} only: add it (--region)")
    others = tuple(region for region in spec.regions if region not in image.regions)
    return replace(spec, image=image, regions=first + others)


def image_in(spec: PoolSpec, region: str) -> Image | None:
    """The image that a worker in a region is made from, None for bare Ubuntu."""
    return spec.image if spec.image and region in spec.image.regions else None


def promote(
    images: Sequence[Image], candidate: Image, boot_seconds: int | None
) -> tuple[Image, ...]:
    """Make a candidate current, and what was current previous.

    Only images that the candidate replaces in all their regions step down: elsewhere they are still
    what pools are made from. Of two current images in a region the newer counts.

    Args:
        images: ours, the candidate included or not.
        candidate: what was seen ready.
        boot_seconds: how long its canary took, None without one.

    Returns:
        Images whose tags change, the new one first.
    """
    promoted = replace(candidate, state=ImageState.CURRENT, boot_seconds=boot_seconds)
    down = [
        replace(image, state=ImageState.PREVIOUS)
        for image in _replaced(images, candidate)
        if image.name != candidate.name and image.state is ImageState.CURRENT
    ]
    return (promoted, *down)


def surplus(images: Sequence[Image], newest: Image) -> tuple[Image, ...]:
    """What nobody needs after a bake.

    Args:
        images: ours.
        newest: the image that was just promoted.

    Returns:
        More than two good images of its regions, candidates that nobody proved there, and whatever
        failed anywhere.
    """
    local = sorted(
        _replaced(images, newest),
        key=lambda image: (image.state is ImageState.CURRENT, image.created_at),
        reverse=True,
    )
    good = [image for image in local if image.state in (ImageState.CURRENT, ImageState.PREVIOUS)]
    abandoned = [image for image in local if image.state is ImageState.CANDIDATE]
    failed = [image for image in images if image.state is ImageState.FAILED]
    return (*good[KEPT:], *abandoned, *failed)


def _replaced(images: Sequence[Image], by: Image) -> list[Image]:
    """The images that are usable nowhere but where another is too."""
    return [image for image in images if set(image.regions) <= set(by.regions)]


def what_changed(image: Image, docker_image: str, bases: Mapping[str, str]) -> tuple[str, ...]:
    """What has changed since the bake, one phrase each; nothing if the image is up to date.

    Args:
        image: the golden image.
        docker_image: name of the Docker image that would be built now.
        bases: digests of the base images now, by their labels; those that could not be asked
            are left out, and are taken to be what they were.
    """
    found = []
    if image.docker_image != docker_image:
        found.append("the build context or a base image's name")
    known = {BASE_LABEL: image.base_digest, WINDOWS_LABEL: image.windows_digest}
    for label, then in known.items():
        now = bases.get(label)
        if now and then and now != then:
            what = "WAA client" if label == BASE_LABEL else "Windows"
            found.append(f"the {what} base image, now {now[:SHORT_DIGEST]}")
    return tuple(found)


def usd_per_month(image: Image, usd_per_gb: float | None) -> float | None:
    """What keeping an image costs at most, None if the price is unknown.

    Every copy is paid. Azure bills what is used of it, which it does not tell.

    Args:
        image: the image.
        usd_per_gb: price of a GB and month in its region.
    """
    return None if usd_per_gb is None else image.size_gb * image.replicas * usd_per_gb


def age_days(image: Image, now: datetime) -> float:
    """Days since the bake."""
    return (now - image.created_at).total_seconds() / 86_400
