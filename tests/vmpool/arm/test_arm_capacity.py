"""Sizes, quota, remembered failures and the doctor over the wire of a real local Azure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from arm_pools import Pool, Trouble

from vmpool.arm import capacity, checks, machines, tagging
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import group_id
from vmpool.errors import NotFoundError, UsageError
from vmpool.model import Place, PoolSpec
from vmpool.placement import assign_places, rank_places

REGIONS = ("eastus", "westeurope")
EVERYWHERE = (*REGIONS, "northeurope")


def test_offers_tell_cores_family_temp_disk_and_nesting(cloud: Cloud) -> None:
    found = {offer.place: offer for offer in capacity.offers(cloud, REGIONS)}
    best = found[Place("Standard_D8ds_v5", "eastus")]
    assert (best.vcpus, best.family) == (8, "standardDDSv5Family")
    assert best.has_temp_disk
    assert best.is_nested
    assert not best.is_restricted
    assert not found[Place("Standard_D8s_v5", "westeurope")].has_temp_disk
    assert not found[Place("Standard_B2s", "eastus")].is_nested
    assert {place.region for place in found} == set(REGIONS)


def test_workers_are_placed_from_what_azure_offers_and_has_free(cloud: Cloud) -> None:
    spec = PoolSpec("p", 2, ("Standard_D8ds_v5", "Standard_D8s_v5"), REGIONS, 2.0, 2)
    ranked = rank_places(spec, capacity.offers(cloud, REGIONS), {}, cloud.clock.now())
    quotas = {quota.region: quota for quota in capacity.quotas(cloud, REGIONS)}
    places = assign_places(["p-00", "p-01"], ranked, quotas)
    assert {str(place) for place in places.values()} == {"Standard_D8ds_v5 in eastus"}


def test_a_size_that_the_subscription_may_not_use_is_restricted(cloud: Cloud) -> None:
    found = capacity.offers(cloud, EVERYWHERE)
    assert any(offer.is_restricted for offer in found)


def test_an_unknown_region_has_no_offers_and_no_quota(cloud: Cloud) -> None:
    assert capacity.offers(cloud, ["mars"]) == ()
    with pytest.raises(UsageError, match="is the region spelled right"):
        capacity.quotas(cloud, ["mars"])


def test_a_vm_takes_its_cores_from_family_and_region(fresh_cloud: Callable[..., Trouble]) -> None:
    cloud = fresh_cloud().cloud
    (before,) = capacity.quotas(cloud, ["eastus"])
    Pool(cloud, "cores").create(1)
    (after,) = capacity.quotas(cloud, ["eastus"])
    assert before.free_total - after.free_total == 8
    family = "standardDDSv5Family"
    assert before.free_by_family[family] - after.free_by_family[family] == 8


def test_a_place_without_capacity_is_remembered_for_everybody_and_forgotten_in_time(
    fresh_cloud: Callable[..., Trouble],
) -> None:
    cloud = fresh_cloud(speed=1.0).cloud
    tagging.merge_tags(cloud, group_id(cloud), {"team": "qa"})
    machines.list_workers(cloud)
    now = cloud.clock.now().replace(microsecond=0)
    old, new = Place("Standard_D8s_v5", "eastus"), Place("Standard_E8-4ds_v5", "westus2")
    tagging.avoid_place(cloud, old, now - timedelta(minutes=1))
    assert tagging.avoided_places(cloud) == {old: now - timedelta(minutes=1)}
    tagging.avoid_place(cloud, new, now + timedelta(minutes=30))
    assert tagging.avoided_places(cloud) == {new: now + timedelta(minutes=30)}
    assert tagging.read_tags(cloud, group_id(cloud))["team"] == "qa"


def test_more_failures_than_a_group_has_room_for_forget_the_oldest(
    fresh_cloud: Callable[..., Trouble],
) -> None:
    cloud = fresh_cloud(speed=1.0).cloud
    machines.list_workers(cloud)
    now = cloud.clock.now().replace(microsecond=0)
    places = [Place(f"Standard_D{2 * n}s_v5", "eastus") for n in range(1, 36)]
    for minutes, place in enumerate(places, start=10):
        tagging.avoid_place(cloud, place, now + timedelta(minutes=minutes))
    kept = tagging.avoided_places(cloud)
    assert len(kept) == tagging.MOST_REMEMBERED
    assert places[-1] in kept
    assert places[0] not in kept


def test_the_resource_group_is_made_when_something_is_first_put_into_it(cloud: Cloud) -> None:
    elsewhere = replace(cloud, resource_group="brand-new", _memo={}, _memo_locks={})
    assert tagging.avoided_places(elsewhere) == {}
    Pool(elsewhere, "newcomer").networks(1)
    assert not machines.observe(elsewhere, "newcomer").is_absent


def test_tags_are_merged_and_removed_one_by_one(cloud: Cloud, pool: Pool) -> None:
    (name,) = pool.create(1)
    vm = machines.vm_resource_id(cloud, name)
    tagging.merge_tags(cloud, vm, {"waa-windows": "ready", "mine": "yes"})
    tagging.remove_tags(cloud, vm, ["MINE", "never-there"])
    found = tagging.read_tags(cloud, vm)
    assert found["waa-windows"] == "ready"
    assert found["waa-pool"] == pool.name
    assert "mine" not in found
    with pytest.raises(NotFoundError):
        tagging.merge_tags(cloud, f"{vm}-nobody", {"a": "b"})


def test_a_healthy_cloud_passes_every_check(cloud: Cloud) -> None:
    found = checks.run_all(cloud)
    assert [check for check in found if not check.is_ok] == []
    details = {check.name: check.detail for check in found}
    assert "Enabled" in details["credentials and subscription"]
    assert "Standard_D8ds_v5 in eastus" in details["sizes and quota"]
    assert details["SSH source"] == "127.0.0.1/32"


def test_the_doctor_finds_missing_cores_and_says_how_to_mend_it(
    fresh_cloud: Callable[..., Trouble],
) -> None:
    trouble = fresh_cloud()
    for region in trouble.cloud.settings.regions:
        trouble.fault(kind="quota", region=region, family="cores", limit=0)
    check = checks.check_places(trouble.cloud)
    assert not check.is_ok
    assert "WAA_SIZES" in check.mend


def test_the_doctor_answers_even_when_azure_refuses(fresh_cloud: Callable[..., Trouble]) -> None:
    trouble = fresh_cloud()
    trouble.fault(
        kind="error", path="permissions", status=403, code="AuthorizationFailed", message="No."
    )
    found = {check.name: check for check in checks.run_all(trouble.cloud)}
    assert not found["permissions"].is_ok
    assert "AuthorizationFailed" in found["permissions"].detail
    assert found["pools"].is_ok
