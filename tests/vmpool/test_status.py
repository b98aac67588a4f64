from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vmpool import lifetime
from vmpool.errors import UsageError
from vmpool.model import (
    Intent,
    Leftover,
    Observed,
    Place,
    PoolState,
    PowerState,
    WindowsState,
    Worker,
    WorkerTags,
)
from vmpool.status import document, pool_state

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DUE = NOW + timedelta(hours=1)


def worker(
    state: PowerState,
    intent: Intent = Intent.READY,
    windows: WindowsState = WindowsState.READY,
    due: datetime | None = DUE,
) -> Worker:
    tags = WorkerTags("p1", "id", "p1-00", intent, NOW, due, windows, "key", NOW)
    place = Place("Standard_D8ds_v5", "eastus")
    return Worker("p1-00", "vm", "/x", place, state, "Succeeded", tags, "127.0.0.9")


def pool(*workers: Worker) -> Observed:
    return Observed("p1", NOW, workers)


def test_a_pool_of_nothing_is_absent() -> None:
    assert pool_state(pool()) is PoolState.ABSENT


def test_ready_means_running_with_windows_up() -> None:
    assert pool_state(pool(worker(PowerState.RUNNING))) is PoolState.READY


def test_running_without_windows_is_not_ready() -> None:
    broken = worker(PowerState.RUNNING, windows=WindowsState.UNKNOWN)
    assert pool_state(pool(broken)) is PoolState.DEGRADED


def test_paused_means_that_every_worker_is_deallocated() -> None:
    down = worker(PowerState.DEALLOCATED, Intent.PAUSE)
    assert pool_state(pool(down, down)) is PoolState.PAUSED
    assert pool_state(pool(down, worker(PowerState.STOPPED))) is not PoolState.PAUSED


def test_a_worker_of_unknown_power_makes_the_pool_unknown() -> None:
    state = pool_state(pool(worker(PowerState.DEALLOCATED), worker(PowerState.UNKNOWN)))
    assert state is PoolState.UNKNOWN


def test_unreadable_tags_make_the_pool_unknown() -> None:
    bare = replace(worker(PowerState.RUNNING), tags=None)
    assert pool_state(pool(bare)) is PoolState.UNKNOWN


@pytest.mark.parametrize(
    ("intent", "state"),
    [
        (Intent.CREATE, PoolState.CREATING),
        (Intent.RESUME, PoolState.RESUMING),
        (Intent.PAUSE, PoolState.PAUSING),
        (Intent.DELETE, PoolState.DELETING),
    ],
)
def test_an_operation_that_began_lately_is_in_progress(intent: Intent, state: PoolState) -> None:
    assert pool_state(pool(worker(PowerState.RUNNING, intent))) is state


def test_an_operation_that_began_long_ago_has_failed() -> None:
    stale = replace(pool(worker(PowerState.RUNNING, Intent.CREATE)), at=NOW + timedelta(hours=2))
    assert pool_state(stale) is PoolState.DEGRADED


def test_the_status_document_keeps_its_documented_keys() -> None:
    made = json.loads(json.dumps(document(pool(worker(PowerState.RUNNING)))))
    assert set(made) == {
        "pool", "state", "observed_at", "workers", "auto_pause_at", "server_deadline_at",
        "lease", "paused_since", "cost", "warnings",
    }  # fmt: skip
    assert set(made["workers"][0]) == {
        "name", "state", "power_state", "ip", "size", "region", "windows",
    }  # fmt: skip
    assert set(made["cost"]) == {
        "total_usd", "compute_usd", "disk_usd", "ip_usd", "idle_usd_per_day", "is_estimate",
        "running_usd_per_hour", "uncertain_usd", "least_usd", "most_usd", "price_source", "session",
        "paused_day",
    }  # fmt: skip


def test_costs_that_are_not_tracked_are_unknown_not_zero() -> None:
    disk = Leftover("/d", "Microsoft.Compute/disks", "d", "eastus", "p1", "id", "p1-00")
    cost = document(replace(pool(worker(PowerState.DEALLOCATED)), leftovers=(disk,)))["cost"]
    assert cost["total_usd"] is None
    assert cost["idle_usd_per_day"] > 0
    assert cost["is_estimate"]


def test_what_is_not_known_of_the_cost_is_warned_of() -> None:
    """Tags of an older version, or damaged ones, have no ledger."""
    said = document(pool(worker(PowerState.RUNNING)))["warnings"]
    assert said[0] == "p1-00: what its VM has cost is not known, its tags don't say"


def test_a_stopped_worker_is_warned_of_with_the_command_that_helps() -> None:
    first, *_ = document(pool(worker(PowerState.STOPPED)))["warnings"]
    assert "still billed: oa-vm pool-pause --pool p1" in first


def test_a_pool_is_due_when_its_last_timer_has_passed() -> None:
    early, late = worker(PowerState.RUNNING, due=NOW), worker(PowerState.RUNNING, due=DUE)
    assert not lifetime.is_due(pool(early, late), NOW)
    assert lifetime.is_due(pool(early, late), DUE)


def test_a_running_pool_without_a_timer_is_due() -> None:
    assert lifetime.is_due(pool(worker(PowerState.RUNNING, due=None)), NOW)


def test_a_pool_is_paused_since_its_last_deallocation_ended() -> None:
    """Azure's time of it; that of our note only where Azure tells none."""
    down = worker(PowerState.DEALLOCATED, Intent.PAUSE)
    first, last = (replace(down, changed_at=NOW + timedelta(seconds=s)) for s in (40, 90))
    assert lifetime.paused_since(pool(first, last)) == NOW + timedelta(seconds=90)
    assert down.tags
    assert lifetime.paused_since(pool(down)) == down.tags.intent_at
    assert lifetime.paused_since(pool(down, worker(PowerState.RUNNING))) is None


def test_a_paused_pool_is_never_due() -> None:
    assert not lifetime.is_due(pool(worker(PowerState.DEALLOCATED)), DUE + timedelta(days=9))


def test_extending_adds_to_a_deadline_that_is_still_ahead() -> None:
    observed = pool(worker(PowerState.RUNNING))
    assert lifetime.extended(observed, NOW, 2) == DUE + timedelta(hours=2)


def test_extending_a_passed_deadline_counts_from_now() -> None:
    late = DUE + timedelta(hours=5)
    observed = pool(worker(PowerState.RUNNING))
    assert lifetime.extended(observed, late, 2) == late + timedelta(hours=2)


@pytest.mark.parametrize("hours", [0, -1, 49, float("nan")])
def test_extending_by_nonsense_is_refused(hours: float) -> None:
    with pytest.raises(UsageError, match="--hours"):
        lifetime.extended(pool(worker(PowerState.RUNNING)), NOW, hours)


def test_extending_a_paused_pool_is_refused() -> None:
    with pytest.raises(UsageError, match="does not run"):
        lifetime.extended(pool(worker(PowerState.DEALLOCATED)), NOW, 1)
