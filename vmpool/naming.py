"""Deterministic names: a repeated create finds the same resources. The only place that spells them.

Azure's limits: a Linux VM name has at most 64 characters, letters, digits, `-`; the computer name
is the same. Pool names are held to 40 by the settings, so that every derived name fits.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime


def worker_name(pool: str, index: int) -> str:
    """`waa-pool-00`, the VM's name too."""
    return f"{pool}-{index:02d}"


def worker_index(worker: str) -> int:
    """The number in a worker's name; the other way round of `worker_name`."""
    return int(worker.rpartition("-")[2])


def nic_name(worker: str) -> str:
    """Network interface of a worker."""
    return f"{worker}-nic"


def ip_name(worker: str) -> str:
    """Public IP address of a worker."""
    return f"{worker}-ip"


def os_disk_name(worker: str) -> str:
    """OS disk of a worker."""
    return f"{worker}-os"


def nsg_name(pool: str, region: str) -> str:
    """Network security group of a pool in a region."""
    return f"{pool}-{region}-nsg"


def vnet_name(pool: str, region: str) -> str:
    """Virtual network of a pool in a region."""
    return f"{pool}-{region}-vnet"


def lock_name(pool: str) -> str:
    """Global concurrency limit that every flow changing the pool holds."""
    return f"waa-pool-{pool}"


BAKE_HOURS = 4.0
"""Auto-pause of builder and canary: a cold start of 42 min, a canary, and room for a slow day."""
BAKE_POOL = "waa-bake"
"""Pool of the bake's own VMs: builder and canary. One bake at a time: its lock is the pool's."""


IMAGE_DEFINITION = "waa-image"
"""Image definition in the gallery, and the beginning of every golden image's name."""
VERSION = re.compile(r"(\d{8})\.(\d{1,6})\.0")
LONGEST_PLAIN = 60
"""Characters of a resource group's name that a gallery's keeps; group names have up to 90."""


def image_name(at: datetime) -> str:
    """`waa-image-20261124-233000`, by the cloud's time of its bake."""
    return f"{IMAGE_DEFINITION}-{at:%Y%m%d-%H%M%S}"


def version_name(image: str) -> str:
    """`20261124.233000.0`: a golden image's version in its gallery; each part is an integer."""
    day, time = image.removeprefix(f"{IMAGE_DEFINITION}-").split("-")
    return f"{int(day)}.{int(time)}.0"


def image_of_version(version: str) -> str | None:
    """The golden image that a gallery's version is, None if we did not name it."""
    found = VERSION.fullmatch(version)
    return f"{IMAGE_DEFINITION}-{found[1]}-{int(found[2]):06d}" if found else None


def gallery_name(resource_group: str) -> str:
    """`waa_GROUP`: unique in a subscription, at most 80 characters, no dashes, as Azure wants.

    What had to be changed is told apart by a digest.
    """
    plain = re.sub(r"\W", "_", resource_group, flags=re.ASCII)
    if plain == resource_group and len(plain) <= LONGEST_PLAIN:
        return f"waa_{plain}"
    digest = hashlib.sha256(resource_group.lower().encode()).hexdigest()[:8]
    return f"waa_{plain[:LONGEST_PLAIN]}_{digest}"
