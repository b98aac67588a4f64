"""Who is let in by SSH: pure."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from vmpool.arm.capacity import can_nest
from vmpool.arm.checks import missing_actions
from vmpool.arm.rules import MOST_SOURCES, admits, widened

SOURCES = st.integers(0, 2**32 - 1).map(lambda number: f"{ipaddress.IPv4Address(number)}/32")


@given(st.lists(SOURCES, min_size=1, max_size=20))
def test_whoever_asked_last_is_always_let_in(sources: list[str]) -> None:
    rules: list[dict[str, object]] = []
    for source in sources:
        rules = widened(rules, source)
        assert admits(rules, source)
    (rule,) = rules
    assert isinstance(rule["properties"], dict)
    prefixes = rule["properties"]["sourceAddressPrefixes"]
    assert len(prefixes) == len(set(prefixes)) <= MOST_SOURCES


def test_a_source_inside_an_admitted_network_needs_no_change() -> None:
    rules = widened([], "203.0.113.0/24")
    assert admits(rules, "203.0.113.7/32")
    assert not admits(rules, "203.0.114.7/32")


def test_rules_that_somebody_added_stay() -> None:
    theirs = {"name": "monitoring", "properties": {"priority": 2000}}
    assert theirs in widened([theirs], "203.0.113.7/32")


def test_a_rule_with_one_source_in_the_singular_is_understood() -> None:
    rule = {"name": "Allow-SSH", "properties": {"sourceAddressPrefix": "203.0.113.7"}}
    assert admits([rule], "203.0.113.7/32")
    assert not admits(
        [{"name": "allow-ssh", "properties": {"sourceAddressPrefix": "Internet"}}], "1.2.3.4/32"
    )


def test_sizes_nest_by_family_and_version() -> None:
    nested = ["D8ds_v5", "D8s_v5", "D8as_v5", "D8s_v3", "D8_v3", "E8-4ds_v5", "E4as_v5", "D8ads_v6"]
    flat = [
        "D8as_v4",
        "E8as_v4",
        "D8ps_v5",
        "DC8as_v5",
        "EC8as_v5",
        "DS3_v2",
        "D3_v2",
        "B2s",
        "NC6",
    ]
    assert [size for size in nested if not can_nest(f"Standard_{size}")] == []
    assert [size for size in flat if can_nest(f"Standard_{size}")] == []


def test_permissions_are_matched_with_stars_and_exceptions() -> None:
    role = {"actions": ["Microsoft.Compute/*"], "notActions": ["*/delete"]}
    wanted = [
        "microsoft.compute/virtualMachines/write",
        "Microsoft.Compute/virtualMachines/delete",
        "Microsoft.Network/networkInterfaces/read",
    ]
    assert missing_actions([role], wanted) == wanted[1:]
    assert missing_actions([role, {"actions": ["*"]}], wanted) == []
    assert missing_actions([], wanted) == wanted
