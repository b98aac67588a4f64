from __future__ import annotations

from dataclasses import replace

import lab_of_runs as lab
import pytest

from vmpool.scenario import GOAL_MINUTES, Scenario, classify, goal_minutes, scenarios


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (lab.COLD, Scenario.COLD),
        (lab.REGISTRY, Scenario.REGISTRY),
        (lab.FROM_IMAGE, Scenario.IMAGE),
        (lab.FROM_WINDOWS, Scenario.IMAGE_WINDOWS),
        (lab.WARM, Scenario.WARM),
        (lab.HOT, Scenario.HOT),
    ],
    ids=lambda it: str(it) if isinstance(it, Scenario) else "",
)
def test_phases_tell_which_way_a_worker_went(steps: list[lab.Step], expected: Scenario) -> None:
    assert classify(lab.spans(steps)) is expected


def test_a_worker_that_was_ready_already_went_no_way() -> None:
    assert classify(lab.spans(lab.READY)) is None


def test_a_run_that_continues_a_cut_off_one_went_no_known_way() -> None:
    assert classify(lab.spans(lab.CONTINUED)) is None


def test_a_worker_that_did_not_get_ready_went_no_way() -> None:
    *most, last = lab.spans(lab.COLD)
    assert classify([*most, replace(last, error="cut")]) is None


def test_a_failed_try_does_not_count_what_the_next_one_did() -> None:
    first, *rest = lab.spans(lab.FROM_IMAGE)
    assert classify([replace(first, error="no room", detail=""), first, *rest]) is Scenario.IMAGE


def test_a_pool_goes_the_longest_way_of_its_workers() -> None:
    mixed = [*lab.spans(lab.COLD, "p1-00"), *lab.spans(lab.HOT, "p1-01")]
    assert scenarios("pool-create", "p1", mixed) == {"p1": "cold", "p1-00": "cold", "p1-01": "hot"}


def test_other_flows_are_compared_under_their_names() -> None:
    found = scenarios("image-create", "p1", lab.spans(lab.COLD))
    assert set(found.values()) == {"image-create"}


def test_every_way_has_a_goal_and_a_longer_way_a_later_one() -> None:
    assert list(GOAL_MINUTES) == list(Scenario)
    assert list(GOAL_MINUTES.values()) == sorted(GOAL_MINUTES.values(), reverse=True)
    assert goal_minutes("pool-pause") is None
