"""Golden images in words of the domain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

BARE = "bare"
"""Source of an image that was baked on a VM of its own from bare Ubuntu."""


class ImageState(StrEnum):
    """Where a golden image stands; written to its tags."""

    CANDIDATE = "candidate"
    """Captured, its canary not yet seen ready."""
    CURRENT = "current"
    """What `pool-create` takes."""
    PREVIOUS = "previous"
    """Was current; kept to go back to."""


@dataclass(frozen=True)
class Image:
    """A golden image: an OS disk on which the slow phases are already true.

    Attributes:
        name: resource name.
        resource_id: ARM id.
        region: Azure region; VMs elsewhere can't use it.
        size_gb: size of its OS disk in GB.
        state: where it stands.
        created_at: when it was captured (cloud time).
        docker_image: name of the Docker image on it; its tag is the digest of the build context.
        has_windows: whether Windows is installed and was powered off in order.
        boot_seconds: cloud seconds that its canary took from create to ready, None without one.
        docker_id: digest of the Docker image, "" if it was not told.
        base_digest: digest of the base image with the WAA client, "" if it was not told.
        windows_digest: digest of the base image with Windows, likewise.
        source: what it was baked from: `bare`, or the name of the worker whose disk it is.
    """

    name: str
    resource_id: str
    region: str
    size_gb: int
    state: ImageState
    created_at: datetime
    docker_image: str
    has_windows: bool
    boot_seconds: int | None = None
    docker_id: str = ""
    base_digest: str = ""
    windows_digest: str = ""
    source: str = BARE
