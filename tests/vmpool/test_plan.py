"""Planning is pure: every state of a worker leads to exactly one sensible action."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool.errors import PermanentError, UsageError
from vmpool.model import (
    Intent,
    Leftover,
    Observed,
    Place,
    PoolSpec,
    PowerState,
    Worker,
    WorkerTags,
)
from vmpool.naming import worker_name
from vmpool.plan import (
    Verb,
    check_identity,
    check_spec,
    kept_as_they_are,
    plan_cleanup,
    plan_create,
    plan_pause,
    plan_resume,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = Place("Standard_D8ds_v5", "eastus")


def worker(index: int, state: PowerState, intent: Intent = Intent.READY) -> Worker:
    name = worker_name("p1", index)
    tags = WorkerTags("p1", "id-1", name, intent, NOW, ready_at=NOW)
    return Worker(name, f"vm-{index}", f"/x/{name}", PLACE, state, "Succeeded", tags, "127.0.0.9")


def spec(workers: int) -> PoolSpec:
    return PoolSpec("p1", workers, (PLACE.size,), (PLACE.region,), 2.0, workers)


states = st.lists(st.sampled_from(PowerState), max_size=8)


def pool_of(found: list[PowerState]) -> Observed:
    return Observed("p1", NOW, tuple(worker(i, state) for i, state in enumerate(found)))


@given(states, st.integers(1, 8))
def test_create_plans_one_action_per_wanted_worker(found: list[PowerState], count: int) -> None:
    actions = plan_create(spec(count), pool_of(found))
    assert [action.worker for action in actions] == [worker_name("p1", i) for i in range(count)]


@given(states, st.integers(1, 8))
def test_create_creates_only_workers_that_do_not_exist(found: list[PowerState], count: int) -> None:
    actions = plan_create(spec(count), pool_of(found))
    created = [i for i, action in enumerate(actions) if action.verb is Verb.CREATE]
    assert created == list(range(len(found), count))


@given(states)
def test_pause_leaves_only_deallocated_workers_alone(found: list[PowerState]) -> None:
    for state, action in zip(found, plan_pause(pool_of(found)), strict=True):
        assert (action.verb is Verb.NOTHING) == (state is PowerState.DEALLOCATED)


@given(states)
def test_pause_of_a_paused_pool_changes_nothing(found: list[PowerState]) -> None:
    paused = pool_of([PowerState.DEALLOCATED] * len(found))
    assert {action.verb for action in plan_pause(paused)} <= {Verb.NOTHING}


def test_resume_leaves_running_workers_powered() -> None:
    (action,) = plan_resume(pool_of([PowerState.RUNNING]))
    assert action.verb is Verb.CHECK


@pytest.mark.parametrize("state", [PowerState.STOPPED, PowerState.DEALLOCATED, PowerState.UNKNOWN])
def test_resume_starts_what_has_no_power(state: PowerState) -> None:
    (action,) = plan_resume(pool_of([state]))
    assert action.verb is Verb.START


def test_a_worker_whose_creation_failed_is_created_anew() -> None:
    broken = worker(0, PowerState.UNKNOWN, Intent.CREATE)
    assert broken.tags is not None
    broken = replace(broken, provisioning_state="Failed", tags=replace(broken.tags, ready_at=None))
    (action,) = plan_create(spec(1), Observed("p1", NOW, (broken,)))
    assert action.verb is Verb.RECREATE
    assert not action.has_data


def test_a_failed_operation_on_a_worker_with_data_does_not_recreate_it() -> None:
    failed = replace(worker(0, PowerState.DEALLOCATED), provisioning_state="Failed")
    (action,) = plan_create(spec(1), Observed("p1", NOW, (failed,)))
    assert action.verb is Verb.START


def test_cleanup_covers_parts_that_have_no_vm() -> None:
    nic = Leftover(
        "/x/nic",
        "Microsoft.Network/networkInterfaces",
        "p1-03-nic",
        "eastus",
        "p1",
        "id-1",
        "p1-03",
    )
    actions = plan_cleanup(Observed("p1", NOW, (worker(0, PowerState.RUNNING),), (nic,)))
    assert [action.worker for action in actions] == ["p1-00", "p1-03"]


def test_two_ids_under_one_pool_name_are_refused() -> None:
    one = worker(0, PowerState.RUNNING)
    assert one.tags is not None
    other = replace(worker(1, PowerState.RUNNING), tags=replace(one.tags, pool_id="id-2"))
    with pytest.raises(PermanentError, match="different pool ids"):
        check_identity(Observed("p1", NOW, (one, other)))


@pytest.mark.parametrize("count", [0, -1, 101, 1000])
def test_a_number_of_workers_that_makes_no_pool_is_refused(count: int) -> None:
    with pytest.raises(UsageError, match="--workers"):
        check_spec(spec(count))


@pytest.mark.parametrize("ready", [0, 3])
def test_min_ready_beyond_the_workers_is_refused(ready: int) -> None:
    with pytest.raises(UsageError, match="--min-ready"):
        check_spec(replace(spec(2), min_ready=ready))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, ""),
        ({"sizes": ("standard_d8ds_v5",), "regions": ("eastus", "westus2")}, ""),
        ({"sizes": ("Standard_D8s_v5",)}, "stay where they are (2 Standard_D8ds_v5 in eastus)"),
        ({"regions": ("westus2",)}, "stay where they are (2 Standard_D8ds_v5 in eastus)"),
        ({"image": "waa-image-1"}, "keep their disks"),
    ],
)
def test_what_a_create_leaves_as_it_is_although_asked_otherwise_is_said(
    asked: dict[str, Any], words: str
) -> None:
    said = kept_as_they_are(pool_of([PowerState.RUNNING, PowerState.DEALLOCATED]), **asked)
    assert words in said
    assert bool(said) == bool(words)


def test_a_pool_that_does_not_exist_yet_keeps_nothing() -> None:
    assert not kept_as_they_are(pool_of([]), sizes=("Standard_D8s_v5",), image="x")
