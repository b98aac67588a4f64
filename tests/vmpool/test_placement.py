from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool.errors import CapacityError, UsageError
from vmpool.model import Offer, Place, PoolSpec, Quota
from vmpool.placement import assign_places, rank_places

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZES, REGIONS = ("s1", "s2"), ("east", "west")
SPEC = PoolSpec("p1", 2, SIZES, REGIONS, 2.0, 2)


def offer(size: str, region: str, vcpus: int = 8) -> Offer:
    return Offer(
        Place(size, region),
        vcpus,
        f"family-{size}",
        has_temp_disk=True,
        is_nested=True,
        is_restricted=False,
    )


ALL = [offer(size, region) for size in SIZES for region in REGIONS]


def quota(region: str, cores: int) -> Quota:
    return Quota(region, {f"family-{size}": cores for size in SIZES}, cores)


def places(ranked: tuple[Offer, ...]) -> list[tuple[str, str]]:
    return [(item.place.size, item.place.region) for item in ranked]


def test_the_first_size_in_the_first_region_comes_first() -> None:
    ranked = rank_places(SPEC, list(reversed(ALL)), {}, NOW)
    assert places(ranked) == [("s1", "east"), ("s1", "west"), ("s2", "east"), ("s2", "west")]


def test_a_place_that_failed_lately_comes_last_but_is_not_lost() -> None:
    avoided = {Place("s1", "east"): NOW + timedelta(minutes=5)}
    assert places(rank_places(SPEC, ALL, avoided, NOW))[-1] == ("s1", "east")


def test_a_failure_is_forgotten_after_its_time() -> None:
    avoided = {Place("s1", "east"): NOW - timedelta(seconds=1)}
    assert places(rank_places(SPEC, ALL, avoided, NOW))[0] == ("s1", "east")


def test_restricted_and_unnestable_sizes_are_left_out() -> None:
    found = [replace(ALL[0], is_restricted=True), replace(ALL[1], is_nested=False), *ALL[2:]]
    assert places(rank_places(SPEC, found, {}, NOW)) == [("s2", "east"), ("s2", "west")]


def test_a_misspelled_size_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="s9"):
        rank_places(replace(SPEC, sizes=("s9",)), ALL, {}, NOW)


def test_an_unknown_region_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="mars"):
        rank_places(replace(SPEC, regions=("mars",)), ALL, {}, NOW)


def test_only_restricted_sizes_is_a_capacity_error() -> None:
    found = [replace(item, is_restricted=True) for item in ALL]
    with pytest.raises(CapacityError, match="may not use"):
        rank_places(SPEC, found, {}, NOW)


def test_workers_spill_over_to_the_next_place_when_quota_ends() -> None:
    quotas = {"east": quota("east", 8), "west": quota("west", 80)}
    assigned = assign_places(["a", "b"], rank_places(SPEC, ALL, {}, NOW), quotas)
    assert assigned == {"a": Place("s1", "east"), "b": Place("s1", "west")}


@given(st.integers(1, 30), st.integers(0, 100), st.integers(0, 100))
def test_assignments_never_exceed_any_quota(count: int, east: int, west: int) -> None:
    quotas = {"east": quota("east", east), "west": quota("west", west)}
    names = [f"w{i}" for i in range(count)]
    ranked = rank_places(SPEC, ALL, {}, NOW)
    fits = east // 8 + west // 8 >= count
    if not fits:
        with pytest.raises(CapacityError, match="quota"):
            assign_places(names, ranked, quotas)
        return
    assigned = assign_places(names, ranked, quotas)
    for region, cores in (("east", east), ("west", west)):
        assert 8 * sum(1 for place in assigned.values() if place.region == region) <= cores
