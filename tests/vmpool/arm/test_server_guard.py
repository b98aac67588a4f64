"""Azure's own timers: set by whatever means it lets us use, moved, taken back; nobody else acts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from arm_pools import Pool, Trouble, connected

from vmpool import tags
from vmpool.arm import server_guard, server_timers
from vmpool.arm.kinds import VM, group_id, resource_id
from vmpool.arm.observing import list_workers
from vmpool.arm.pipeline import Exchange
from vmpool.arm.server_timers import list_schedules
from vmpool.arm.tagging import merge_tags
from vmpool.deadlines import TOO_FAR, server_deadline
from vmpool.guards import ServerTimer, TimerKind
from vmpool.model import PowerState, Worker

OWNER = tags.part_tags("p", "id")
SUBMIT = "virtualMachinesSubmitDeallocate"


class Lab:
    """A pool of two, and time."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble, self.cloud = trouble, trouble.cloud
        self.pool = Pool(self.cloud, "p")
        self.names = self.pool.create(2, lambda: trouble.advance(600))
        self.regions = dict.fromkeys(self.names, self.pool.region)

    def at(self, **ahead: float) -> datetime:
        """A whole minute so far ahead."""
        return server_deadline(self.cloud.clock.now() + timedelta(**ahead), timedelta())

    def arm(self, at: datetime) -> dict[str, ServerTimer]:
        """Set and record the timers."""
        return server_guard.arm(self.cloud, self.regions, at, OWNER)

    def advance_to(self, at: datetime, **more: float) -> None:
        """Let time pass until so long after a moment."""
        self.trouble.advance((at + timedelta(**more) - self.now()).total_seconds())

    def now(self) -> datetime:
        """The cloud's time, asked."""
        list_workers(self.cloud)
        return self.cloud.clock.now()

    def workers(self) -> list[Worker]:
        """The pool."""
        return list(list_workers(self.cloud, "p"))

    def powers(self) -> list[PowerState]:
        """Power states."""
        return [worker.power_state for worker in self.workers()]

    def recorded(self, index: int = 0) -> ServerTimer:
        """What a worker's tag says."""
        found = self.workers()[index].tags
        assert found
        assert found.guards.server
        return found.guards.server


@pytest.fixture
def lab(fresh_cloud: Callable[..., Trouble]) -> Lab:
    """Two workers on a server whose clock the test moves on."""
    return Lab(fresh_cloud(speed=300))


UP, DOWN = [PowerState.RUNNING] * 2, [PowerState.DEALLOCATED] * 2


def test_azure_deallocates_at_the_moment_when_nothing_of_ours_runs(lab: Lab) -> None:
    """By one request for both, of a provider that nobody had registered."""
    at = lab.at(hours=2)
    timers = lab.arm(at)
    assert {timer.kind for timer in timers.values()} == {TimerKind.COMPUTE_SCHEDULE}
    assert lab.recorded() == timers[lab.names[0]]
    lab.advance_to(at, minutes=-20)
    assert lab.powers() == UP
    lab.advance_to(at, minutes=3)
    assert lab.powers() == DOWN


def test_a_timer_that_is_moved_acts_at_the_new_moment_only(lab: Lab) -> None:
    early, late = lab.at(hours=1), lab.at(hours=5)
    lab.arm(early)
    lab.arm(late)
    lab.advance_to(late, minutes=-20)
    assert lab.powers() == UP
    lab.advance_to(late, minutes=3)
    assert lab.powers() == DOWN


def test_a_timer_that_is_taken_back_never_acts(lab: Lab) -> None:
    at = lab.at(hours=1)
    lab.arm(at)
    for name in lab.names:
        server_guard.clear(lab.cloud, lab.pool.region, name)
    assert lab.recorded() == ServerTimer(TimerKind.NONE)
    lab.advance_to(at, hours=30)
    assert lab.powers() == UP


def test_a_timer_that_no_tag_tells_of_is_taken_back_by_who_knows_it(lab: Lab) -> None:
    """Whoever was killed before the tag was written leaves one; the same operation still knows."""
    early, late = lab.at(hours=1), lab.at(hours=5)
    unknown = server_guard.set_timers(lab.cloud, "eastus", lab.names[:1], early, OWNER)
    timer = server_guard.set_timers(lab.cloud, "eastus", lab.names[:1], late, OWNER)
    known = timer[lab.names[0]]
    server_guard.record(lab.cloud, "eastus", lab.names[0], known, unknown[lab.names[0]].ids)
    lab.advance_to(early, minutes=30)
    assert lab.powers() == UP


def test_where_the_one_shot_timer_is_refused_a_daily_one_is_set(lab: Lab) -> None:
    lab.trouble.fault(kind="error", path=SUBMIT, status=403, code="AuthorizationFailed")
    at = lab.at(hours=2)
    lab.arm(at)
    assert lab.recorded() == ServerTimer(TimerKind.DEV_TEST_LAB, at)
    found = list_schedules(lab.cloud, group_id(lab.cloud))
    assert [item["tags"]["waa-worker"] for item in found] == lab.names
    lab.advance_to(at, minutes=-20)
    assert lab.powers() == UP
    lab.advance_to(at, minutes=3)
    assert lab.powers() == DOWN


def test_one_vm_that_is_refused_does_not_cost_the_others_theirs(lab: Lab) -> None:
    lab.trouble.fault(kind="schedule", resource=f"{lab.names[0]}$", code="NotToday")
    lab.arm(lab.at(hours=2))
    kinds = [lab.recorded(index).kind for index in range(2)]
    assert kinds == [TimerKind.DEV_TEST_LAB, TimerKind.COMPUTE_SCHEDULE]


def test_a_daily_timer_ends_with_the_pause_or_when_the_better_one_is_to_be_had(lab: Lab) -> None:
    lab.trouble.fault(kind="error", path=SUBMIT, status=403, code="AuthorizationFailed", times=1)
    lab.arm(lab.at(hours=2))
    at = lab.at(hours=3)
    lab.arm(at)
    assert lab.recorded().kind is TimerKind.COMPUTE_SCHEDULE
    assert list_schedules(lab.cloud, group_id(lab.cloud)) == []


def test_a_daily_timer_is_not_set_for_a_deadline_beyond_its_first_day(lab: Lab) -> None:
    """It would act a day too early; the refusals are recorded and told."""
    lab.trouble.fault(kind="error", path=SUBMIT, status=403, code="AuthorizationFailed")
    lab.arm(lab.at(hours=30))
    timer = lab.recorded()
    assert (timer.kind, timer.at) == (TimerKind.NONE, None)
    assert timer.reason == f"AuthorizationFailed {TOO_FAR}"


def test_a_refused_move_leaves_the_earlier_timer_standing(lab: Lab) -> None:
    """Deallocated too early costs a reinstall, never costs everything."""
    at = lab.at(hours=1)
    lab.arm(at)
    refuse_everything(lab)
    lab.arm(lab.at(hours=5))
    assert lab.recorded().at == at
    lab.advance_to(at, minutes=3)
    assert lab.powers() == DOWN


def refuse_everything(lab: Lab) -> None:
    for path in ("Microsoft.ComputeSchedule", "Microsoft.DevTestLab"):
        lab.trouble.fault(kind="error", path=path, status=403, code="AuthorizationFailed")


def test_providers_that_may_not_be_registered_are_a_reason_not_an_error(lab: Lab) -> None:
    lab.trouble.fault(kind="error", path="/register", status=403, code="AuthorizationFailed")
    lab.arm(lab.at(hours=2))
    missing = "MissingSubscriptionRegistration"
    assert lab.recorded() == ServerTimer(TimerKind.NONE, reason=f"{missing} {missing}")


def test_off_means_that_nothing_is_asked(lab: Lab, tmp_path: Path) -> None:
    cloud = connected(lab.trouble.status, tmp_path / "off", server_deadline="off")
    seen: list[Exchange] = []
    cloud.watchers.append(seen.append)
    timers = server_guard.set_timers(cloud, "eastus", lab.names, lab.at(hours=2), OWNER)
    assert {timer.kind for timer in timers.values()} == {TimerKind.OFF}
    assert seen == []


def test_a_hundred_vms_take_one_request(lab: Lab) -> None:
    seen: list[Exchange] = []
    lab.cloud.watchers.append(seen.append)
    names = [f"no-{number}" for number in range(100)]
    found = server_timers.submit(lab.cloud, "eastus", names, lab.at(hours=2))
    assert {item.code for item in found.values()} == {"ResourceNotFound"}
    posts = [e for e in seen if SUBMIT in e.path]
    assert len(posts) <= 2  # the first finds that the provider is not registered


def test_damaged_records_are_read_as_no_timer(lab: Lab) -> None:
    vm = resource_id(lab.cloud, VM, lab.names[0])
    merge_tags(lab.cloud, vm, {tags.SERVER_TIMER: "computeschedule yesterday"})
    found = lab.workers()[0].tags
    assert found
    assert found.guards.server is None
    at = lab.at(hours=2)
    lab.arm(at)
    assert lab.recorded().at == at
