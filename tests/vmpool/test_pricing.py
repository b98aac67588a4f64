from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from vmpool.pricing import BUILT_IN, choose, disk_tier, query

AT = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = "Standard_D8ds_v5"


def item(**changed: Any) -> dict[str, Any]:
    """Azure's meter of a Linux VM."""
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": 0.452,
        "effectiveStartDate": "2021-11-01T00:00:00Z",
        "meterName": "D8ds v5",
        "productName": "Virtual Machines Ddsv5 Series",
        "skuName": "D8ds v5",
        "serviceName": "Virtual Machines",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "armSkuName": SIZE,
    } | changed


@pytest.mark.parametrize(
    "unwanted",
    [
        {"skuName": "D8ds v5 Spot", "meterName": "D8ds v5 Spot"},
        {"skuName": "D8ds v5 Low Priority"},
        {"productName": "Virtual Machines Ddsv5 Series Windows"},
        {"productName": "Ddsv5 Series CloudServices"},
        {"serviceName": "Virtual Machines Licenses"},
        {"type": "DevTestConsumption"},
        {"type": "Reservation"},
        {"currencyCode": "EUR"},
        {"armSkuName": "Standard_D8s_v5"},
        {"tierMinimumUnits": 100.0},
        {"retailPrice": 0.0},
        {"unitOfMeasure": "1/Month"},
    ],
    ids=lambda changed: " ".join(map(str, changed.values())),
)
def test_a_meter_that_is_not_ours_is_no_price(unwanted: dict[str, Any]) -> None:
    other = item(**{"retailPrice": 0.01, **unwanted})
    assert choose([other], [SIZE], 128, AT).vm_per_hour == {SIZE: None}
    assert choose([other, item(), other], [SIZE], 128, AT).vm_per_hour == {SIZE: 0.452}


def test_of_two_prices_the_one_in_force_counts() -> None:
    new = item(retailPrice=0.46, effectiveStartDate="2026-01-01T00:00:00Z")
    assert choose([new, item()], [SIZE], 128, AT).of(SIZE).vm == 0.46


@pytest.mark.parametrize(
    ("size_gb", "tier"), [(64, "P6"), (65, "P10"), (128, "P10"), (4095, "P50")]
)
def test_a_disk_pays_for_the_tier_that_holds_it(size_gb: int, tier: str) -> None:
    assert disk_tier(size_gb) == tier
    assert f"meterName eq '{tier} LRS Disk'" in query("eastus", [SIZE], size_gb)


def test_the_seeds_table_is_an_estimate_and_knows_few_sizes() -> None:
    prices = BUILT_IN.of(SIZE)
    assert prices.is_estimate
    assert prices.vm == 0.38
    assert BUILT_IN.of("Standard_E8ds_v5").vm is None
