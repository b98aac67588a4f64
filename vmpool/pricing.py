"""Pure: which of the Retail Prices API's meters are ours, and the built-in table without it.

A query by VM size also returns Spot, Low Priority, Windows, Cloud Services and dedicated host
meters; one by meter name returns the same meter of other products. What is not exactly what we use
is dropped, and a price that is not found is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vmpool.money import RETAIL, TABLE, Prices

Item = Mapping[str, Any]

HOURS_PER_MONTH = 730.0
"""Azure's own month, by which it turns prices by the month into hours."""
DISK_TIERS = (
    (4, "P1"), (8, "P2"), (16, "P3"), (32, "P4"), (64, "P6"), (128, "P10"), (256, "P15"),
    (512, "P20"), (1024, "P30"), (2048, "P40"), (4096, "P50"),
)  # fmt: skip
"""GiB that each tier of Premium SSD holds: a disk pays for the smallest tier that holds it."""
ADDRESS_METER = "Standard IPv4 Static Public IP"
IMAGE_METER = "LRS Snapshots"
"""Managed and gallery images are billed as snapshots on standard disks."""
REGISTRY_METER = "Basic Registry Unit"

BUILT_IN_VM_PER_HOUR = {"Standard_D8ds_v5": 0.38, "Standard_D8s_v5": 0.38}
"""What set-ups by hand were reckoned with, as are the next four: 0.38 USD an hour of "D8ds_v5".
Azure's price of D8s_v5 is the same (0.384, June 2026), that of D8ds_v5 in US regions is 0.452.
Other sizes have no figure: unknown."""
BUILT_IN_DISK_PER_DAY = 0.15
"""The "OS disk ~0.15 USD a day"; Azure's P10 (128 GB) is 0.65."""
BUILT_IN_ADDRESS_PER_DAY = 0.10
"""The "static IP ~0.10 USD a day"; Azure's price is 0.005 an hour, 0.12."""
BUILT_IN_IMAGE_PER_GB_MONTH = 0.008
"""The "image ~0.008 USD per GB and month"; Azure's price is 0.05."""
BUILT_IN_REGISTRY_PER_DAY = 0.17
"""The "ACR Basic 0.17 USD a day"; Azure's price is 0.1666."""


@dataclass(frozen=True)
class Rates:
    """Prices of a region in USD; None is unknown.

    Attributes:
        vm_per_hour: Linux, pay as you go, by size.
        disk_per_month: an OS disk of the size that was asked for.
        address_per_hour: a Standard static IPv4 address.
        image_per_gb_month: a managed image, per GB.
        registry_per_day: a Container Registry, Basic.
        source: `retail` or `table`.
        asked_at: when Azure was asked (cloud time).
    """

    vm_per_hour: Mapping[str, float | None]
    disk_per_month: float | None
    address_per_hour: float | None
    image_per_gb_month: float | None
    registry_per_day: float | None
    source: str
    asked_at: datetime

    def of(self, size: str) -> Prices:
        """What a worker of a size costs."""
        disk = None if self.disk_per_month is None else self.disk_per_month / HOURS_PER_MONTH
        return Prices(self.vm_per_hour.get(size), disk, self.address_per_hour, self.source, size)


def disk_tier(size_gb: int) -> str:
    """The tier of Premium SSD that a disk pays for."""
    return next((tier for size, tier in DISK_TIERS if size >= size_gb), DISK_TIERS[-1][1])


def query(region: str, sizes: Iterable[str], disk_gb: int) -> str:
    """The `$filter` that asks for all of ours in a region; values are compared with case."""
    wanted = [f"armSkuName eq '{size}'" for size in sorted(set(sizes))]
    meters = (f"{disk_tier(disk_gb)} LRS Disk", ADDRESS_METER, IMAGE_METER, REGISTRY_METER)
    wanted += [f"meterName eq '{meter}'" for meter in meters]
    place = f"armRegionName eq '{region}' and priceType eq 'Consumption'"
    return f"{place} and ({' or '.join(wanted)})"


def choose(items: Sequence[Item], sizes: Iterable[str], disk_gb: int, asked_at: datetime) -> Rates:
    """The rates in what the API returned.

    Args:
        items: its `Items`, all pages.
        sizes: VM sizes that were asked for.
        disk_gb: size of the OS disk in GB.
        asked_at: when it was asked (cloud time).
    """
    ours = [item for item in items if _is_consumption(item)]
    machines = [item for item in ours if _is_linux_vm(item)]
    return Rates(
        vm_per_hour={size: _price(machines, armSkuName=size) for size in sorted(set(sizes))},
        disk_per_month=_price(
            ours,
            productName="Premium SSD Managed Disks",
            meterName=f"{disk_tier(disk_gb)} LRS Disk",
        ),
        address_per_hour=_price(ours, serviceName="Virtual Network", meterName=ADDRESS_METER),
        image_per_gb_month=_price(
            ours, productName="Standard HDD Managed Disks", meterName=IMAGE_METER
        ),
        registry_per_day=_price(ours, serviceName="Container Registry", meterName=REGISTRY_METER),
        source=RETAIL,
        asked_at=asked_at,
    )


BUILT_IN = Rates(
    vm_per_hour=BUILT_IN_VM_PER_HOUR,
    disk_per_month=BUILT_IN_DISK_PER_DAY / 24 * HOURS_PER_MONTH,
    address_per_hour=BUILT_IN_ADDRESS_PER_DAY / 24,
    image_per_gb_month=BUILT_IN_IMAGE_PER_GB_MONTH,
    registry_per_day=BUILT_IN_REGISTRY_PER_DAY,
    source=TABLE,
    asked_at=datetime(2026, 1, 1, tzinfo=UTC),
)
"""The built-in table: for whoever can't ask Azure, and marked as estimates."""


def _is_consumption(item: Item) -> bool:
    return item.get("type") == "Consumption" and item.get("currencyCode") == "USD"


def _is_linux_vm(item: Item) -> bool:
    names = f"{item.get('skuName')} {item.get('meterName')} {item.get('productName')}"
    unwanted = ("Spot", "Low Priority", "Windows", "CloudServices", "Dedicated Host")
    return (
        item.get("serviceName") == "Virtual Machines"
        and item.get("unitOfMeasure") == "1 Hour"
        and not any(word in names for word in unwanted)
    )


def _price(items: Iterable[Item], **wanted: str) -> float | None:
    """The price of the first tier of the meter that is in force, None if there is none."""
    fitting = [item for item in items if all(item.get(k) == v for k, v in wanted.items())]
    priced = [
        (str(item.get("effectiveStartDate", "")), float(item["retailPrice"]))
        for item in fitting
        if not item.get("tierMinimumUnits") and _is_price(item.get("retailPrice"))
    ]
    return max(priced)[1] if priced else None


def _is_price(found: object) -> bool:
    return isinstance(found, int | float) and found > 0
