"""Deterministic names: a repeated create finds the same resources. The only place that spells them.

Azure's limits: a Linux VM name has at most 64 characters, letters, digits, `-`; the computer name
is the same. Pool names are held to 40 by the settings, so that every derived name fits.
"""

from __future__ import annotations

from datetime import datetime


def worker_name(pool: str, index: int) -> str:
    """`waa-pool-00`, the VM's name too."""
    return f"{pool}-{index:02d}"


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


BAKE_POOL = "waa-bake"
"""Pool of the bake's own VMs: builder and canary. One bake at a time: its lock is the pool's."""


def image_name(at: datetime) -> str:
    """`waa-image-20261124-233000`, by the cloud's time of its bake."""
    return f"waa-image-{at:%Y%m%d-%H%M%S}"
