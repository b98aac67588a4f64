from __future__ import annotations

from dataclasses import replace

import lab_of_runs as lab
import pytest

from vmpool.scenario import GOAL_MINUTES, Scenario, classify, goal_minutes, possible, scenarios

WAYS = {
    Scenario.COLD: lab.COLD,
    Scenario.REGISTRY: lab.REGISTRY,
    Scenario.IMAGE: lab.FROM_IMAGE,
    Scenario.IMAGE_WINDOWS: lab.FROM_WINDOWS,
    Scenario.WARM: lab.WARM,
    Scenario.HOT: lab.HOT,
}


@pytest.mark.parametrize(("expected", "steps"), WAYS.items(), ids=str)
def test_phases_tell_which_way_a_worker_went(expected: Scenario, steps: list[lab.Step]) -> None:
    assert classify(lab.spans(steps)) is expected


@pytest.mark.parametrize(("expected", "steps"), WAYS.items(), ids=str)
def test_what_is_possible_narrows_to_the_way_it_is(
    expected: Scenario, steps: list[lab.Step]
) -> None:
    spans = lab.spans(steps)
    before: set[Scenario] = set(Scenario)
    for ended in range(len(spans)):
        running = replace(spans[ended], ended=None, detail="")
        now = set(possible([*spans[:ended], running]))
        assert expected in now <= before
        before = now
    assert possible(spans) == (expected,)


def test_a_disk_tells_of_its_image_before_docker_has_looked() -> None:
    spans = lab.spans(lab.FROM_WINDOWS)
    assert possible(spans[:1]) == (Scenario.IMAGE_WINDOWS,)
    assert possible(lab.spans(lab.COLD)[:1]) == (Scenario.COLD, Scenario.REGISTRY)


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
