"""VMs over the wire of a real local Azure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from arm_pools import PATIENCE_SECONDS, Pool, Trouble, finish

from vmpool import naming, tags
from vmpool.arm import machines, network, tagging
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import ADDRESS, DISK, NETWORK, NIC, SECURITY_GROUP
from vmpool.arm.pipeline import Exchange
from vmpool.errors import (
    BusyError,
    CapacityError,
    CloudUnreachableError,
    NotFoundError,
    PermanentError,
    PhaseTimeoutError,
    ThrottledError,
)
from vmpool.model import Intent, PowerState


def test_a_created_worker_shows_its_state_address_and_tags(cloud: Cloud, pool: Pool) -> None:
    (name,) = pool.create(1)
    (worker,) = machines.list_workers(cloud, pool.name)
    assert worker.name == name
    assert worker.power_state is PowerState.RUNNING
    assert worker.provisioning_state == "Succeeded"
    assert worker.ip.startswith("127.")
    assert (worker.place.size, worker.place.region) == ("Standard_D8ds_v5", "eastus")
    assert worker.resource_id == machines.vm_resource_id(cloud, name)
    assert worker.tags is not None
    assert (worker.tags.pool_id, worker.tags.intent) == (pool.pool_id, Intent.CREATE)


def test_a_worker_is_deallocated_started_and_deleted_with_all_its_parts(
    cloud: Cloud, pool: Pool
) -> None:
    (name,) = pool.create(1)
    finish(machines.begin_deallocate(cloud, name))
    assert _power(cloud, pool) is PowerState.DEALLOCATED
    ip = machines.list_workers(cloud, pool.name)[0].ip
    finish(machines.begin_start(cloud, name))
    assert _power(cloud, pool) is PowerState.RUNNING
    assert machines.list_workers(cloud, pool.name)[0].ip == ip
    finish(machines.begin_delete(cloud, name))
    observed = machines.observe(cloud, pool.name)
    assert observed.workers == ()
    assert {item.type for item in observed.leftovers} == {SECURITY_GROUP, NETWORK}


def test_a_list_takes_as_many_requests_for_twenty_vms_as_for_one(
    fresh_cloud: Callable[..., Trouble],
) -> None:
    cloud = fresh_cloud(speed=50_000).cloud
    seen: list[Exchange] = []
    cloud.watchers.append(seen.append)
    counts = []
    for name, workers in (("one", 1), ("twenty", 20)):
        Pool(cloud, name).create(workers)
        seen.clear()
        assert len(machines.list_workers(cloud, name)) == workers
        counts.append(len(seen))
    assert counts == [3, 3]


def test_deallocations_are_all_accepted_before_any_is_waited_for(cloud: Cloud, pool: Pool) -> None:
    names = pool.create(8)
    begun = [machines.begin_deallocate(cloud, name) for name in names]
    assert {w.power_state for w in machines.list_workers(cloud, pool.name)} <= {
        PowerState.DEALLOCATING,
        PowerState.DEALLOCATED,
    }
    finish(*begun)
    assert _powers(cloud, pool) == {PowerState.DEALLOCATED}


def test_an_operation_that_hangs_ends_the_wait_but_not_the_operation(
    fresh_cloud: Callable[..., Trouble],
) -> None:
    trouble = fresh_cloud()
    pool = Pool(trouble.cloud, "stuck")
    (name,) = pool.create(1)
    trouble.fault(kind="operation", operation="vm.deallocate", mode="stuck")
    operation = machines.begin_deallocate(trouble.cloud, name)
    with pytest.raises(PhaseTimeoutError, match=r"deallocate VM stuck-00: not done after 0 s"):
        operation.wait(0.2)
    assert not operation.is_done()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "sku"},
        {"kind": "allocation"},
        {"kind": "quota", "region": "eastus", "family": "standardDDSv5Family", "limit": 0},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_no_room_is_a_capacity_error_whenever_azure_says_so(
    fresh_cloud: Callable[..., Trouble], fault: dict[str, object]
) -> None:
    trouble = fresh_cloud()
    pool = Pool(trouble.cloud, "full")
    (nic,) = pool.networks(1)
    trouble.fault(**fault)
    with pytest.raises(CapacityError) as caught:
        machines.begin_create(trouble.cloud, pool.request(0, nic)).wait(PATIENCE_SECONDS)
    assert caught.value.code in {"SkuNotAvailable", "AllocationFailed", "QuotaExceeded"}
    assert "\n" not in str(caught.value)


def test_a_create_that_is_repeated_completes_the_same_vm(cloud: Cloud, pool: Pool) -> None:
    (nic,) = pool.networks(1)
    request = pool.request(0, nic)
    finish(machines.begin_create(cloud, request))
    (first,) = machines.list_workers(cloud, pool.name)
    finish(machines.begin_create(cloud, request))
    (second,) = machines.list_workers(cloud, pool.name)
    assert second.vm_id == first.vm_id


def test_a_vm_of_somebody_else_is_not_touched_by_a_create(cloud: Cloud, pool: Pool) -> None:
    (name,) = pool.create(1)
    stranger = Pool(cloud, pool.name)
    request = stranger.request(0, "/not/used")
    with pytest.raises(PermanentError, match="does not carry this pool's id"):
        machines.begin_create(cloud, request)
    (worker,) = machines.list_workers(cloud, pool.name)
    assert worker.name == name
    assert worker.tags is not None
    assert worker.tags.pool_id == pool.pool_id


def test_azures_default_security_is_taken_where_standard_may_not_be_said(
    fresh_cloud: Callable[..., Trouble],
) -> None:
    trouble = fresh_cloud()
    pool = Pool(trouble.cloud, "secure")
    (nic,) = pool.networks(1)
    trouble.fault(
        kind="error",
        method="PUT",
        path="virtualMachines/",
        status=400,
        code="InvalidParameter",
        message="The value of parameter securityProfile.securityType is invalid.",
        times=1,
    )
    finish(machines.begin_create(trouble.cloud, pool.request(0, nic)))
    assert _power(trouble.cloud, pool) is PowerState.RUNNING


def test_an_unknown_size_is_refused_in_one_line(cloud: Cloud, pool: Pool) -> None:
    (nic,) = pool.networks(1)
    with pytest.raises(
        PermanentError, match=r"create VM .*: InvalidParameter: The value"
    ) as caught:
        machines.begin_create(cloud, pool.request(0, nic, size="Standard_D9000_v5"))
    assert len(str(caught.value)) < 400


def test_a_missing_vm_is_not_found_to_start_but_deleted_already(cloud: Cloud, pool: Pool) -> None:
    pool.networks(0)
    with pytest.raises(NotFoundError):
        machines.begin_start(cloud, f"{pool.name}-00")
    with pytest.raises(NotFoundError):
        machines.begin_deallocate(cloud, f"{pool.name}-00")
    assert machines.begin_delete(cloud, f"{pool.name}-00").is_done()


def test_a_second_operation_on_a_vm_is_told_to_come_back(
    fresh_cloud: Callable[..., Trouble], unique_name: str
) -> None:
    trouble = fresh_cloud(speed=5000.0)
    (name,) = Pool(trouble.cloud, unique_name).create(1)
    trouble.fault(kind="operation", operation="vm.delete", mode="stuck")
    machines.begin_delete(trouble.cloud, name)
    with pytest.raises(BusyError):
        machines.begin_start(trouble.cloud, name)


def test_a_vm_with_damaged_tags_is_shown_and_not_understood(cloud: Cloud, pool: Pool) -> None:
    (name,) = pool.create(1)
    tagging.merge_tags(cloud, machines.vm_resource_id(cloud, name), {tags.INTENT: "dance"})
    (worker,) = machines.list_workers(cloud, pool.name)
    assert (worker.name, worker.tags) == (name, None)


def test_every_part_of_a_pool_is_observed_before_there_is_any_vm(cloud: Cloud, pool: Pool) -> None:
    pool.networks(1)
    observed = machines.observe(cloud, pool.name)
    worker = naming.worker_name(pool.name, 0)
    assert {(item.type, item.worker) for item in observed.leftovers} == {
        (NIC, worker),
        (ADDRESS, worker),
        (SECURITY_GROUP, ""),
        (NETWORK, ""),
    }
    assert observed.pool_ids == {pool.pool_id}
    assert abs((observed.at - cloud.clock.now()).total_seconds()) < 3600


def test_the_os_disk_carries_the_tags_of_its_vm(cloud: Cloud, pool: Pool) -> None:
    (name,) = pool.create(1)
    disks = [item for item in machines.observe(cloud, pool.name).leftovers if item.type == DISK]
    assert [(disk.name, disk.worker, disk.pool_id) for disk in disks] == [
        (naming.os_disk_name(name), name, pool.pool_id)
    ]


def test_a_pool_that_nobody_made_is_absent(cloud: Cloud, pool: Pool) -> None:
    assert machines.observe(cloud, pool.name).is_absent


def test_a_resource_group_that_nobody_made_holds_nothing(cloud: Cloud) -> None:
    elsewhere = replace(cloud, resource_group="nobodys", _memo={})
    assert machines.list_workers(elsewhere) == ()


def test_an_unknown_subscription_is_never_an_empty_answer(cloud: Cloud) -> None:
    stranger = replace(cloud, subscription_id="00000000-0000-0000-0000-00000000dead", _memo={})
    with pytest.raises(PermanentError, match="WAA_SUBSCRIPTION_ID"):
        machines.list_workers(stranger)


def test_short_throttling_is_waited_out_and_long_throttling_is_told(
    fresh_cloud: Callable[..., Trouble],
) -> None:
    trouble = fresh_cloud(speed=1.0)
    machines.list_workers(trouble.cloud)
    trouble.fault(kind="throttle", path="virtualMachines", times=1, retry_after=0.5)
    assert machines.list_workers(trouble.cloud) == ()
    trouble.fault(kind="throttle", path="virtualMachines", retry_after=1200)
    with pytest.raises(ThrottledError) as caught:
        machines.list_workers(trouble.cloud)
    assert caught.value.retry_after_seconds == 1200


def test_a_server_that_is_gone_is_unreachable(fresh_cloud: Callable[..., Trouble]) -> None:
    trouble = fresh_cloud()
    machines.list_workers(trouble.cloud)
    trouble.stop()
    with pytest.raises(CloudUnreachableError):
        machines.list_workers(trouble.cloud)


def test_the_address_of_a_part_is_reused_and_one_elsewhere_is_replaced(
    cloud: Cloud, pool: Pool
) -> None:
    pool.networks(1)
    before = _address(cloud, pool)
    pool.networks(1)
    assert _address(cloud, pool) == before
    pool.region = "westus2"
    pool.networks(1)
    regions = {item.region for item in machines.observe(cloud, pool.name).leftovers if item.worker}
    assert regions == {"westus2"}


def _address(cloud: Cloud, pool: Pool) -> str:
    shared = network.ensure_pool_network(
        cloud, pool.name, pool.pool_id, pool.region, "127.0.0.1/32"
    )
    worker = naming.worker_name(pool.name, 0)
    return network.ensure_worker_network(
        cloud, pool.name, pool.pool_id, worker, shared, pool.region
    ).ip


def _powers(cloud: Cloud, pool: Pool) -> set[PowerState]:
    return {worker.power_state for worker in machines.list_workers(cloud, pool.name)}


def _power(cloud: Cloud, pool: Pool) -> PowerState:
    (power,) = _powers(cloud, pool)
    return power
