"""Networks, addresses and their removal over the wire of a real local Azure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from arm_pools import Pool, Trouble, connected

from local_azure.control import Status
from vmpool import naming
from vmpool.arm import machines, network
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import API, NIC, SECURITY_GROUP, resource_id
from vmpool.arm.pipeline import Exchange
from vmpool.arm.rest import at_once, get
from vmpool.errors import BusyError, PermanentError, TransientError, UsageError, VmPoolError

ME = "127.0.0.1/32"


def test_many_workers_that_ask_at_once_make_one_network(
    cloud: Cloud, pool: Pool, exchanges: list[Exchange]
) -> None:
    ask = partial(network.ensure_pool_network, cloud, pool.name, pool.pool_id, pool.region, ME)
    answers = at_once([ask] * 8)
    assert len(set(answers)) == 1
    puts = [item.path for item in exchanges if item.method == "PUT"]
    assert len(puts) == 2  # one security group, one network


def test_a_network_that_is_there_is_only_looked_at(
    pool: Pool, arm_azure: Status, tmp_path: Path
) -> None:
    pool.networks(1)
    again = Pool(connected(arm_azure, tmp_path / "again"), pool.name, pool.pool_id)
    seen: list[Exchange] = []
    again.cloud.watchers.append(seen.append)
    again.networks(1)
    assert {item.method for item in seen} == {"GET"}


def test_ssh_is_open_for_the_caller_alone_and_later_for_another_caller_too(
    cloud: Cloud, pool: Pool
) -> None:
    for source in (ME, "203.0.113.9/32"):
        network.ensure_pool_network(cloud, pool.name, pool.pool_id, pool.region, source)
    group = resource_id(cloud, SECURITY_GROUP, naming.nsg_name(pool.name, pool.region))
    (rule,) = get(cloud, group, API[SECURITY_GROUP])["properties"]["securityRules"]
    assert rule["properties"]["sourceAddressPrefixes"] == [ME, "203.0.113.9/32"]
    assert rule["properties"]["destinationPortRange"] == "22"
    assert (rule["properties"]["access"], rule["properties"]["protocol"]) == ("Allow", "Tcp")


def test_a_nic_dies_with_its_vm_and_the_address_with_the_nic(cloud: Cloud, pool: Pool) -> None:
    (nic_id,) = pool.networks(1)
    (configuration,) = get(cloud, nic_id, API[NIC])["properties"]["ipConfigurations"]
    address = configuration["properties"]["publicIPAddress"]
    assert address["properties"]["deleteOption"] == "Delete"


def test_what_belongs_to_somebody_else_is_not_used(cloud: Cloud, pool: Pool) -> None:
    pool.networks(1)
    stranger = Pool(cloud, pool.name)
    cloud.forget("network")
    with pytest.raises(PermanentError, match="does not carry this pool's id"):
        stranger.networks(1)


def test_a_network_that_vanished_is_made_again_on_the_next_try(cloud: Cloud, pool: Pool) -> None:
    pool.networks(0)
    parts = machines.observe(cloud, pool.name).leftovers
    elsewhere = Pool(cloud, pool.name, pool.pool_id)
    for part in parts:  # behind the connection's back
        network.delete_parts(_twin(cloud), [part])
    with pytest.raises(VmPoolError):
        elsewhere.networks(1)
    assert len(elsewhere.networks(1)) == 1


def _twin(cloud: Cloud) -> Cloud:
    """Another connection to the same server, with a memory of its own."""
    return Cloud(
        cloud.settings,
        cloud.access,
        cloud.subscription_id,
        cloud.resource_group,
        cloud.ssh_port,
        cloud.my_address_url,
        cloud.clock,
    )


def test_all_parts_go_in_an_order_that_azure_allows(cloud: Cloud, pool: Pool) -> None:
    pool.networks(3)
    parts = machines.observe(cloud, pool.name).leftovers
    assert len(parts) == 8
    network.delete_parts(cloud, parts)
    assert machines.observe(cloud, pool.name).is_absent
    network.delete_parts(cloud, parts)  # gone already: no error


def test_a_part_that_a_vm_still_holds_is_busy_and_stays(cloud: Cloud, pool: Pool) -> None:
    (name,) = pool.create(1)
    parts = machines.observe(cloud, pool.name).leftovers
    with pytest.raises(BusyError, match=naming.nic_name(name)):
        network.delete_parts(cloud, parts)
    assert machines.list_workers(cloud, pool.name)[0].ip


def test_one_deletion_that_fails_does_not_keep_the_others(
    fresh_cloud: Callable[..., Trouble],
) -> None:
    trouble = fresh_cloud()
    pool = Pool(trouble.cloud, "partly")
    pool.networks(2)
    parts = machines.observe(trouble.cloud, pool.name).leftovers
    trouble.fault(kind="error", method="DELETE", path="partly-00-nic", status=403, code="No")
    with pytest.raises(VmPoolError):
        network.delete_parts(trouble.cloud, [part for part in parts if part.type == NIC])
    left = {part.name for part in machines.observe(trouble.cloud, pool.name).leftovers}
    assert "partly-00-nic" in left
    assert "partly-01-nic" not in left


def test_the_callers_address_is_asked_once(cloud: Cloud) -> None:
    assert network.caller_address(cloud) == ME
    cloud.my_address_url = "https://127.0.0.1:1/"
    assert network.caller_address(cloud) == ME


def test_a_given_source_is_taken_and_a_wrong_one_refused(arm_azure: Status, tmp_path: Path) -> None:
    given = connected(arm_azure, tmp_path / "given", ssh_source="203.0.113.7")
    assert network.caller_address(given) == "203.0.113.7/32"
    wrong = connected(arm_azure, tmp_path / "wrong", ssh_source="everybody")
    with pytest.raises(UsageError, match="WAA_SSH_SOURCE 'everybody' is no IPv4 CIDR"):
        network.caller_address(wrong)


def test_an_address_that_cannot_be_learnt_is_told_with_its_mend(cloud: Cloud) -> None:
    cloud.my_address_url = "https://127.0.0.1:1/"
    with pytest.raises(TransientError, match="set WAA_SSH_SOURCE"):
        network.caller_address(cloud)
    cloud.my_address_url = f"{cloud.access.endpoint}/metadata/endpoints?api-version=2022-09-01"
    with pytest.raises(PermanentError, match="no IPv4 address"):
        network.caller_address(cloud)
