"""The inventory against a real server, whose meter knows better."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from arm_pools import REGION, SIZE, Pool, Trouble, connected, finish
from raw_azure import RawAzure

from vmpool import tags
from vmpool.arm import machines, prices, registry, tagging
from vmpool.arm.clients import Cloud
from vmpool.arm.inventory import inventory, pools_everywhere
from vmpool.arm.pipeline import Exchange
from vmpool.errors import CloudUnreachableError
from vmpool.holdings import Lot, document
from vmpool.ledger import opened, switched
from vmpool.model import PowerState


def priced(cloud: Cloud, pool: Pool, count: int) -> None:
    """Create workers and note on each what it costs, as a create does."""
    written = prices.rates(cloud, REGION, [SIZE]).of(SIZE)
    made = pool.create(count)
    parts = (item for lot in inventory(cloud) if lot.pool == pool.name for item in lot.holdings)
    for item in parts:
        if item.name.startswith(tuple(made)):
            tagging.merge_tags(cloud, item.resource_id, {tags.PRICES: written.encode()})


def lots_of(cloud: Cloud, pool: str) -> list[Lot]:
    return [lot for lot in inventory(cloud) if lot.pool == pool]


@pytest.fixture
def alone(fresh_cloud: Callable[..., Trouble]) -> Trouble:
    """A subscription that holds nothing else."""
    return fresh_cloud(speed=1000.0)


def test_the_sum_of_all_rates_is_the_meters(alone: Trouble) -> None:
    """Two pools, one of them in another resource group and half deallocated, and a registry."""
    cloud, raw = alone.cloud, RawAzure(alone.status)
    other = connected(alone.status, cloud.settings.state_dir, resource_group="other")
    priced(cloud, Pool(cloud, "first"), 2)
    priced(other, Pool(other, "second"), 1)
    finish(machines.begin_deallocate(cloud, "first-01"))
    registry.begin_registry(cloud, REGION)
    raw.wait(raw.call("GET", "/resourceGroups/waa"))
    total = document(inventory(cloud), cloud.clock.now())["total"]
    assert (total["unknown_rates"], total["is_estimate"]) == (0, False)
    assert total["usd_per_hour"] == pytest.approx(raw.meter()["usd_per_hour"], rel=1e-5)
    assert total["usd_per_hour"] == pytest.approx(2 * 0.452 + 3 * (0.027 + 0.005) + 0.1666 / 24)


def test_pools_of_one_name_in_two_groups_stay_apart(alone: Trouble) -> None:
    other = connected(alone.status, alone.cloud.settings.state_dir, resource_group="other")
    Pool(alone.cloud, "same").create(2)
    Pool(other, "same").create(1)
    lots = lots_of(alone.cloud, "same")
    assert [lot.group for lot in lots] == ["other", "waa"]
    assert [len(lot.observed.workers) for lot in lots if lot.observed] == [1, 2]


def test_what_is_not_ours_is_not_listed(alone: Trouble) -> None:
    raw = RawAzure(alone.status)
    raw.do("PUT", "/resourceGroups/theirs", {"location": REGION})
    path = "/resourceGroups/theirs/providers/Microsoft.Network/publicIPAddresses/theirs"
    raw.do("PUT", path, {"location": REGION, "sku": {"name": "Standard"},
                         "properties": {"publicIPAllocationMethod": "Static"}})  # fmt: skip
    assert inventory(alone.cloud) == ()
    assert pools_everywhere(alone.cloud) == ()


def test_a_vm_whose_tags_are_damaged_is_still_ours_and_costs(alone: Trouble) -> None:
    cloud = alone.cloud
    pool = Pool(cloud, "hurt")
    pool.create(1)
    tagging.remove_tags(cloud, machines.vm_resource_id(cloud, "hurt-00"), [tags.POOL, tags.INTENT])
    vms = [item for lot in inventory(cloud) for item in lot.holdings if item.name == "hurt-00"]
    assert [vm.state for vm in vms] == [PowerState.RUNNING]
    assert vms[0].usd_per_hour == 0.38
    assert vms[0].is_estimate
    assert vms[0].usd is None, "nobody knows what it has cost"


def test_what_a_running_worker_has_cost_is_in_its_line(alone: Trouble) -> None:
    cloud, raw = alone.cloud, RawAzure(alone.status)
    priced(cloud, Pool(cloud, "pool"), 1)
    now = cloud.clock.now()
    ledger = switched(opened(now), now, is_billed=True)
    tagging.merge_tags(
        cloud, machines.vm_resource_id(cloud, "pool-00"), {tags.LEDGER: ledger.encode()}
    )
    raw.advance(timedelta(hours=10).total_seconds())
    lot = lots_of(cloud, "pool")[0]
    vm = next(item for item in lot.holdings if item.state)
    assert vm.usd == pytest.approx(4.52, rel=0.02)


def test_hundreds_of_workers_are_asked_for_by_type_not_one_by_one(
    cloud: Cloud, pool: Pool, exchanges: list[Exchange]
) -> None:
    pool.create(3)
    exchanges.clear()
    pools_everywhere(cloud)
    assert len({exchange.path for exchange in exchanges}) <= 4
    assert not any(pool.name in exchange.path for exchange in exchanges)


def test_an_azure_that_does_not_answer_has_no_inventory(alone: Trouble) -> None:
    alone.stop()
    with pytest.raises(CloudUnreachableError):
        inventory(alone.cloud)
