"""Pure: which golden image is taken, which are promoted, kept and pruned. Nothing here acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vmpool.errors import NotFoundError, UsageError
from vmpool.model import Image, ImageState, PoolSpec

AUTO, NONE = "auto", "none"
"""Words of `--image` beside an image's name."""
KEPT = 2
"""Good images that are kept: the current one, and the one to go back to."""
USD_PER_GB_MONTH = 0.05
"""Managed image, per GB of its size: Azure's price page for snapshots and images, US regions. An
upper bound: Azure bills what is used of it."""


@dataclass(frozen=True)
class Promotion:
    """What a new current image means for the others.

    Attributes:
        changed: images whose state changes, with their new state.
        pruned: images to delete.
    """

    changed: tuple[Image, ...]
    pruned: tuple[Image, ...]


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


def promote(images: Sequence[Image], candidate: Image, boot_seconds: int | None) -> Promotion:
    """Make a candidate current; the one before becomes previous, older ones go.

    Only images of the same region step down: another region's current image serves its own pools.

    Args:
        images: ours, the candidate included or not.
        candidate: what was seen ready.
        boot_seconds: how long its canary took, None without one.
    """
    promoted = replace(candidate, state=ImageState.CURRENT, boot_seconds=boot_seconds)
    others = [i for i in images if i.region == candidate.region and i.name != candidate.name]
    good = sorted(
        (i for i in others if i.state is not ImageState.CANDIDATE),
        key=lambda image: image.created_at,
        reverse=True,
    )
    stepping_down = [i for i in good[: KEPT - 1] if i.state is ImageState.CURRENT]
    down = tuple(replace(i, state=ImageState.PREVIOUS) for i in stepping_down)
    abandoned = [i for i in others if i.state is ImageState.CANDIDATE]
    return Promotion((promoted, *down), (*good[KEPT - 1 :], *abandoned))


def is_stale(image: Image, docker_image: str) -> bool:
    """Whether the build context or a base image has changed since the bake.

    Args:
        image: the golden image.
        docker_image: name of the Docker image that would be built now.
    """
    return image.docker_image != docker_image


def usd_per_month(image: Image) -> float:
    """What keeping an image costs at most."""
    return image.size_gb * USD_PER_GB_MONTH


def age_days(image: Image, now: datetime) -> float:
    """Days since the bake."""
    return (now - image.created_at).total_seconds() / 86_400
