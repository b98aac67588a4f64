"""What every resource truly cost: the ground truth that cost tracking is compared with.

A resource has a rate that changes at known cloud times; between two changes it accrues by the
second. Deleted resources keep what they cost. Refuses estimates: nothing here is rounded.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from local_azure.state import Resource, Store

POOL_TAG = "waa-pool"
"""Tag that names the pool a resource's cost is shown under."""
HOURS_PER_MONTH = 730.0
"""Azure's own month for turning monthly prices into hourly ones."""
HOURS_PER_DAY = 24.0
GIB = 1 << 30
BILLED_POWER = {"starting", "running", "stopping", "stopped"}
"""Power states whose compute is charged (Azure's states-billing page)."""


@dataclass(frozen=True)
class Prices:
    """Prices in USD, from `profiles/prices.toml`."""

    table: dict[str, Any]

    @classmethod
    def load(cls) -> Prices:
        """Read the file that comes with the package."""
        text = (files("local_azure") / "profiles" / "prices.toml").read_text()
        return cls(tomllib.loads(text))

    def vm_per_hour(self, size: str, region: str) -> float:
        """USD per hour of a running VM; unknown sizes cost nothing because none can exist.

        Rounded as the retail price list is, so that the meter charges exactly what the list says.
        """
        factor = float(self.table["region_factor"].get(region, 1.0))
        return round(float(self.table["vm_per_hour"].get(size, 0.0)) * factor, 6)

    def disk_per_hour(self, sku: str, size_gib: int) -> float:
        """USD per hour of a managed disk: the price of the smallest tier that holds it."""
        tiers = self.table["disk_per_month"].get(sku, self.table["disk_per_month"]["Premium_LRS"])
        fitting = [price for size, price in tiers if size >= size_gib]
        return float(fitting[0] if fitting else tiers[-1][1]) / HOURS_PER_MONTH

    def image_per_hour(self, used_bytes: int) -> float:
        """USD per hour of a managed image: what is used counts, not the disk's size."""
        return used_bytes / GIB * float(self.table["image_per_gib_month"]) / HOURS_PER_MONTH

    def address_per_hour(self) -> float:
        """USD per hour of a Standard static public address."""
        return float(self.table["public_address_per_hour"])

    def registry_per_hour(self, sku: str, stored_bytes: int) -> float:
        """USD per hour of a container registry: its tier, and what it holds beyond the tier's."""
        per_day = float(self.table["registry_per_day"][sku])
        beyond = max(0.0, stored_bytes / GIB - self.registry_included_gib(sku))
        per_month = beyond * float(self.table["registry_per_gib_month"])
        return per_day / HOURS_PER_DAY + per_month / HOURS_PER_MONTH

    def registry_included_gib(self, sku: str) -> int:
        """GiB that a registry of that tier may hold at its price."""
        return int(self.table["registry_included_gib"][sku])


class Meter:
    """The meter rows in the store.

    Args:
        store: where they are kept.
        prices: what things cost.
    """

    def __init__(self, store: Store, prices: Prices) -> None:
        self._store = store
        self.prices = prices

    def set_rate(self, resource: Resource, usd_per_hour: float, at: float) -> None:
        """From `at` on, `resource` costs `usd_per_hour`."""
        self._accrue(resource.hidden["guid"], at)
        self._store.execute(
            "insert into meter values (?1, ?2, ?3, ?4, 0, ?5, ?6, 0) on conflict (guid) do update "
            "set usd_per_hour = ?5, pool = coalesce(?4, pool)",
            (
                resource.hidden["guid"],
                resource.id,
                resource.type,
                _pool(resource),
                usd_per_hour,
                at,
            ),
        )

    def relabel(self, resource: Resource) -> None:
        """The tags of a resource changed: show its cost under the pool they name now."""
        self._store.execute(
            "update meter set pool = coalesce(?2, pool) where guid = ?1",
            (resource.hidden.get("guid"), _pool(resource)),
        )

    def close(self, resource: Resource, at: float) -> None:
        """The resource is deleted at `at`; what it cost stays."""
        self._accrue(resource.hidden["guid"], at)
        self._store.execute(
            "update meter set usd_per_hour = 0, is_deleted = 1 where guid = ?",
            (resource.hidden["guid"],),
        )

    def document(self, now: float) -> dict[str, Any]:
        """Every resource's cost so far and its present rate."""
        rows = self._store.execute(
            "select resource, type, pool, usd, usd_per_hour, since, is_deleted from meter "
            "order by rowid"
        )
        resources = [
            {
                "id": row[0],
                "type": row[1],
                "pool": row[2],
                "usd": row[3] + row[4] * max(0.0, now - row[5]) / 3600.0,
                "usd_per_hour": row[4],
                "is_deleted": bool(row[6]),
            }
            for row in rows
        ]
        return {
            "resources": resources,
            "total_usd": sum(float(r["usd"]) for r in resources),
            "usd_per_hour": sum(float(r["usd_per_hour"]) for r in resources),
        }

    def _accrue(self, guid: str, at: float) -> None:
        self._store.execute(
            "update meter set usd = usd + usd_per_hour * max(0, ?2 - since) / 3600.0, "
            "since = max(since, ?2) where guid = ?1",
            (guid, at),
        )


def _pool(resource: Resource) -> str | None:
    for key, value in resource.tags.items():
        if key.lower() == POOL_TAG:
            return value
    return resource.hidden.get("pool")
