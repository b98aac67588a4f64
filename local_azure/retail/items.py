"""The price list itself: what the meter charges, as items of the real list, with their look-alikes.

Names are spelled as the real list spells them. Beside each price that matters stand the rows that
a client must not take for it: Windows, Spot and Low Priority meters of a size, reservations (whose
price is that of the whole term), shared-disk mounts, zone-redundant disks, disk operations.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local_azure.catalog import Catalog, Size
from local_azure.meter import Prices

TIER = {
    4: 1, 8: 2, 16: 3, 32: 4, 64: 6, 128: 10, 256: 15, 512: 20, 1024: 30, 2048: 40, 4096: 50,
    8192: 60, 16384: 70, 32767: 80,
}  # fmt: skip
"""Number of the disk tier that holds so many GiB."""
DISKS = {
    "Premium_LRS": ("P", "Premium SSD Managed Disks"),
    "StandardSSD_LRS": ("E", "Standard SSD Managed Disks"),
    "Standard_LRS": ("S", "Standard HDD Managed Disks"),
}
SERVICES = {
    "Virtual Machines": ("Compute", "DZH313Z7MMC8"),
    "Storage": ("Storage", "DZH317F1HKN0"),
    "Virtual Network": ("Networking", "DZH314HC0WV9"),
    "Container Registry": ("Containers", "DZH315F9L8DM"),
}
"""Family and id of a service."""
HOURS = {"1 Year": 8760, "3 Years": 26280}
"""Hours of a term."""


@dataclass(frozen=True)
class Row:
    """What sets one item apart from others of its region.

    Attributes:
        service: service name.
        product: product name.
        sku: SKU name.
        meter: meter name.
        unit: unit of measure.
        usd: price of one unit.
        kind: price type.
        term: reservation term, if it is one.
        arm_sku: VM size, if it is one.
        has_plan: whether savings plans cover it.
    """

    service: str
    product: str
    sku: str
    meter: str
    unit: str
    usd: float
    kind: str = "Consumption"
    term: str = ""
    arm_sku: str = ""
    has_plan: bool = False


def price_list(prices: Prices, catalog: Catalog) -> list[dict[str, Any]]:
    """Every item, in USD."""
    names = prices.table["retail"]["location"]
    return [
        _item(row, region, names[region], prices)
        for region in catalog.regions
        for row in _rows(prices, catalog, region)
    ]


def _rows(prices: Prices, catalog: Catalog, region: str) -> Iterator[Row]:
    for size in catalog.sizes.values():
        yield from _vm_rows(prices, size, region)
    for kind in DISKS:
        yield from _disk_rows(prices, kind)
    retail = prices.table["retail"]
    network = ("Virtual Network", "IP Addresses")
    static = "Standard IPv4 Static Public IP"
    yield Row(*network, "Standard", static, "1 Hour", prices.address_per_hour())
    basic = "Basic IPv4 Static Public IP"
    yield Row(*network, "Basic", basic, "1 Hour", retail["basic_address_per_hour"])
    for sku, usd in prices.table["registry_per_day"].items():
        names = ("Container Registry", "Container Registry", sku)
        yield Row(*names, f"{sku} Registry Unit", "1/Day", usd)
        yield Row(*names, "Data Stored", "1 GB/Month", prices.table["registry_per_gib_month"])


def _vm_rows(prices: Prices, size: Size, region: str) -> Iterator[Row]:
    retail = prices.table["retail"]
    sku = size.name.removeprefix("Standard_").replace("_", " ")
    product = retail["product"][size.family]
    linux = prices.vm_per_hour(size.name, region)
    windows = linux + size.vcpus * retail["windows_per_vcpu_hour"]

    def row(end: str, usd: float, system: str = "", **other: Any) -> Row:
        names = ("Virtual Machines", product + system, sku + end, sku + end, "1 Hour")
        return Row(*names, usd, arm_sku=size.name, **other)

    yield row("", linux, has_plan=True)
    yield row("", windows, " Windows")
    yield row("", linux, " Windows", kind="DevTestConsumption")
    for end, factor in retail["cheaper"].items():
        yield row(f" {end}", linux * factor)
        yield row(f" {end}", windows * factor, " Windows")
    for term, factor in retail["reservation"].items():
        yield row("", round(linux * factor * HOURS[term]), kind="Reservation", term=term)


def _disk_rows(prices: Prices, kind: str) -> Iterator[Row]:
    retail = prices.table["retail"]
    letter, product = DISKS[kind]
    names = ("Storage", product)
    for gib, usd in prices.table["disk_per_month"][kind]:
        tier = f"{letter}{TIER[gib]}"
        lrs, zrs = f"{tier} LRS", f"{tier} ZRS"
        yield Row(*names, lrs, f"{lrs} Disk", "1/Month", usd)
        yield Row(*names, zrs, f"{zrs} Disk", "1/Month", usd * retail["zone_redundant"])
        if letter == "P":
            yield Row(*names, lrs, f"{lrs} Disk Mount", "1/Month", usd * retail["mount"])
        else:
            yield Row(*names, lrs, f"{lrs} Disk Operations", "10K", retail["operations"])
    per_gib = prices.table["image_per_gib_month"]
    factor = retail["premium_snapshot"] if letter == "P" else 1.0
    yield Row(*names, "Snapshots LRS", "LRS Snapshots", "1 GB/Month", per_gib * factor)


def _item(row: Row, region: str, location: str, prices: Prices) -> dict[str, Any]:
    family, service_id = SERVICES[row.service]
    key = f"{row.product}/{row.sku}/{row.meter}/{row.kind}/{row.term}/{region}"
    product_id = "DZH318Z" + _code(row.product, 5)
    usd = round(row.usd, 6)
    item: dict[str, Any] = {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": usd,
        "unitPrice": usd,
        "armRegionName": region,
        "location": location,
        "effectiveStartDate": "2021-11-01T00:00:00Z",
        "meterId": str(uuid.uuid5(uuid.NAMESPACE_URL, key)),
        "meterName": row.meter,
        "productId": product_id,
        "skuId": f"{product_id}/{_code(key, 4)}",
        "availabilityId": None,
        "productName": row.product,
        "skuName": row.sku,
        "serviceName": row.service,
        "serviceId": service_id,
        "serviceFamily": family,
        "unitOfMeasure": row.unit,
        "type": row.kind,
        "isPrimaryMeterRegion": True,
        "armSkuName": row.arm_sku,
    }
    if row.term:
        item["reservationTerm"] = row.term
    if row.has_plan:
        plans = prices.table["retail"]["savings_plan"]
        item["savingsPlan"] = [_plan(term, usd * factor) for term, factor in plans.items()]
    return item


def _plan(term: str, usd: float) -> dict[str, Any]:
    return {"unitPrice": round(usd, 6), "retailPrice": round(usd, 6), "term": term}


def _code(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length].upper()
