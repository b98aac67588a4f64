"""Pure: rates x time. Until prices are asked of Azure these are the seed's figures: estimates.

What cannot be known is None, never 0: "unknown" and "free" are different bills.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmpool.model import Observed

OS_DISK_USD_PER_DAY = 19.71 / 30.4
"""Premium P10 (128 GB), 19.71 USD a month: Azure's price page, US regions."""
STATIC_IP_USD_PER_DAY = 0.005 * 24
"""Standard static public IP, 0.005 USD an hour: Azure's price page."""


@dataclass(frozen=True)
class Cost:
    """What a pool costs, in USD; None is unknown.

    Attributes:
        total_usd: accrued in all.
        compute_usd: of that, VMs.
        disk_usd: of that, disks.
        ip_usd: of that, public addresses.
        idle_usd_per_day: what a day of being paused costs.
        is_estimate: whether list figures stood in for Azure's prices.
    """

    total_usd: float | None
    compute_usd: float | None
    disk_usd: float | None
    ip_usd: float | None
    idle_usd_per_day: float
    is_estimate: bool


def estimate(observed: Observed) -> Cost:
    """The idle rate of what the pool keeps while paused; accrued sums are not tracked yet."""
    disks = sum(1 for item in observed.leftovers if item.type.lower().endswith("/disks"))
    addresses = sum(
        1 for item in observed.leftovers if item.type.lower().endswith("/publicipaddresses")
    )
    idle = disks * OS_DISK_USD_PER_DAY + addresses * STATIC_IP_USD_PER_DAY
    return Cost(None, None, None, None, round(idle, 4), is_estimate=True)
