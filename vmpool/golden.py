"""Golden images in words of the domain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

BARE = "bare"
"""Source of an image that was baked on a VM of its own from bare Ubuntu."""


class ImageKind(StrEnum):
    """What Azure keeps a golden image as."""

    MANAGED = "managed"
    """A managed image: simple, bound to its region, for 20 VMs at a time."""
    GALLERY = "gallery"
    """A version in a Compute Gallery: in every region that it is replicated to."""


class ImageState(StrEnum):
    """Where a golden image stands; written to its tags."""

    CANDIDATE = "candidate"
    """Captured, its canary not yet seen ready."""
    CURRENT = "current"
    """What `pool-create` takes."""
    PREVIOUS = "previous"
    """Was current; kept to go back to."""
    FAILED = "failed"
    """Its canary did not reach ready, or Azure could not finish it; to be deleted."""


@dataclass(frozen=True)
class Image:
    """A golden image: an OS disk on which the slow phases are already true.

    Attributes:
        name: resource name.
        resource_id: ARM id.
        region: Azure region where it was captured.
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
        kind: what Azure keeps it as.
        replicated_to: the other regions where it can be used.
        replicas: copies that are paid for, over all regions.
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
    kind: ImageKind = ImageKind.MANAGED
    replicated_to: tuple[str, ...] = ()
    replicas: int = 1

    @property
    def regions(self) -> tuple[str, ...]:
        """Where VMs can be made from it, its own region first."""
        return (self.region, *self.replicated_to)
