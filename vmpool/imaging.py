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
USD_PER_GB_MONTH = 0.05
"""Managed image, per GB of its size: Azure's price page for snapshots and images, US regions. An
upper bound: Azure bills what is used of it."""


def choose(images: Sequence[Image], wanted: str) -> Image | None:
    """The image that a pool is created from.

    Args:
        images: ours.
        wanted: `auto`, `none`, or an image's name.

    Returns:
        The image; None for bare Ubuntu.

    Raises:
        NotFoundError: there is no image of that name.
    """
    if wanted == NONE:
        return None
    if wanted == AUTO:
        current = [image for image in images if image.state is ImageState.CURRENT]
        return max(current, key=lambda image: image.created_at, default=None)
    named = next((image for image in images if image.name == wanted), None)
    if named is None:
        known = ", ".join(image.name for image in images) or "there are none"
        raise NotFoundError(f"no image {wanted!r} ({known}): oa-vm image-list shows them")
    return named


def from_image(spec: PoolSpec, images: Sequence[Image], wanted: str) -> PoolSpec:
    """The same wish, made from an image whose region comes first: it can't be used elsewhere.

    Args:
        spec: what is wanted of the pool.
        images: ours.
        wanted: `auto`, `none`, or an image's name.

    Raises:
        NotFoundError: there is no image of that name.
        UsageError: the named image is in none of the wanted regions.
    """
    image = choose([i for i in images if wanted != AUTO or i.region in spec.regions], wanted)
    if image is None:
        return spec
    if image.region not in spec.regions:
        raise UsageError(
            f"image {image.name} can be used in {image.region} only: add it (--region)"
        )
    others = tuple(region for region in spec.regions if region != image.region)
    return replace(spec, image=image, regions=(image.region, *others))


def promote(
    images: Sequence[Image], candidate: Image, boot_seconds: int | None
) -> tuple[Image, ...]:
    """Make a candidate current, and what was current previous.

    Only images of the same region step down: another region's current image serves its own pools.

    Args:
        images: ours, the candidate included or not.
        candidate: what was seen ready.
        boot_seconds: how long its canary took, None without one.

    Returns:
        Images whose tags change, the new one first: in between there are two current images, and
        the newer counts.
    """
    promoted = replace(candidate, state=ImageState.CURRENT, boot_seconds=boot_seconds)
    down = [
        replace(image, state=ImageState.PREVIOUS)
        for image in images
        if image.region == candidate.region
        and image.name != candidate.name
        and image.state is ImageState.CURRENT
    ]
    return (promoted, *down)


def surplus(images: Sequence[Image], region: str) -> tuple[Image, ...]:
    """What a region no longer needs: more than two good images, and candidates nobody proved."""
    local = sorted(
        (image for image in images if image.region == region),
        key=lambda image: (image.state is ImageState.CURRENT, image.created_at),
        reverse=True,
    )
    good = [image for image in local if image.state is not ImageState.CANDIDATE]
    abandoned = [image for image in local if image.state is ImageState.CANDIDATE]
    return (*good[KEPT:], *abandoned)


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


def usd_per_month(image: Image) -> float:
    """What keeping an image costs at most."""
    return image.size_gb * USD_PER_GB_MONTH


def age_days(image: Image, now: datetime) -> float:
    """Days since the bake."""
    return (now - image.created_at).total_seconds() / 86_400
