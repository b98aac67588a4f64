from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from arm_pools import REGION, SIZE, Trouble, connected

from local_azure.control import Status
from vmpool.arm.clients import Cloud
from vmpool.arm.prices import rates
from vmpool.money import RETAIL, TABLE

UNREACHABLE = "https://127.0.0.1:9/api/retail/prices"


def twin(cloud: Cloud, status: Status, **settings: str) -> Cloud:
    """Another connection with the same state folder, as the next command has."""
    return connected(status, cloud.settings.state_dir, **settings)


def file_of(cloud: Cloud) -> Path:
    return cloud.settings.state_dir / "prices.json"


def test_prices_are_azures_and_asked_in_one_request(
    fresh_cloud: Callable[..., Trouble],
) -> None:
    cloud = fresh_cloud().cloud
    found = rates(cloud, REGION, [SIZE, "Standard_D8s_v5"])
    assert found.source == RETAIL
    assert found.vm_per_hour == {SIZE: 0.452, "Standard_D8s_v5": 0.384}
    assert found.disk_per_month == 19.71
    assert found.address_per_hour == 0.005
    assert found.image_per_gb_month == 0.05
    assert found.registry_per_day == pytest.approx(0.1666)


def test_another_region_has_its_own_prices(cloud: Cloud) -> None:
    assert rates(cloud, "westeurope", [SIZE]).of(SIZE).vm == pytest.approx(0.544, abs=1e-3)


def test_a_size_that_has_no_price_is_unknown(cloud: Cloud) -> None:
    assert rates(cloud, REGION, [SIZE, "Standard_X1"]).vm_per_hour["Standard_X1"] is None


def test_prices_are_kept_for_a_day_and_then_asked_again(arm_azure: Status, cloud: Cloud) -> None:
    """On the cloud's clock; whoever can't ask in the second day says that it is an estimate."""
    first = rates(cloud, REGION, [SIZE])
    kept = twin(cloud, arm_azure)
    kept.clock.observe(first.asked_at)
    assert rates(kept, REGION, [SIZE]) == first
    text = file_of(cloud).read_text()
    old = text.replace(first.asked_at.isoformat(), "2020-01-01T00:00:00+00:00")
    assert old != text
    file_of(cloud).write_text(old)
    assert rates(twin(cloud, arm_azure), REGION, [SIZE]).asked_at.year == first.asked_at.year


def test_a_damaged_file_is_ignored(arm_azure: Status, cloud: Cloud) -> None:
    file_of(cloud).parent.mkdir(parents=True, exist_ok=True)
    for text in ("{", "[]", '{"x": 1}'):
        file_of(cloud).write_text(text)
        assert rates(twin(cloud, arm_azure), REGION, [SIZE]).source == RETAIL


def test_without_an_answer_the_seeds_table_stands_in_and_says_so(
    arm_azure: Status, tmp_path: Path
) -> None:
    began = time.monotonic()
    cloud = connected(arm_azure, tmp_path / "far", prices_url=UNREACHABLE)
    found = rates(cloud, REGION, [SIZE])
    assert time.monotonic() - began < 10
    assert found.source == TABLE
    assert found.of(SIZE).vm == 0.38
    assert not file_of(cloud).exists(), "an estimate is not kept as a price"


@pytest.mark.parametrize("status", [500, 400, 429])
def test_an_answer_that_is_an_error_is_no_price(
    fresh_cloud: Callable[..., Trouble], status: int
) -> None:
    trouble = fresh_cloud()
    trouble.fault(kind="error", method="GET", path="/api/retail", status=status, code="Nonsense")
    assert rates(trouble.cloud, REGION, [SIZE]).source == TABLE
