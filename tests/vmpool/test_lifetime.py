"""When pools are paused, warned of, held and guarded: pure, over many cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool import deadlines, leases, lifetime
from vmpool.errors import LockedError
from vmpool.guards import Guards, Lease, ServerTimer, TimerKind
from vmpool.leases import Length
from vmpool.model import Intent, Observed, Place, PowerState, WindowsState, Worker, WorkerTags
from vmpool.status import document

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LENGTH = Length(timedelta(minutes=15), timedelta(hours=12))
MINUTES = st.integers(-2000, 2000).map(lambda n: timedelta(minutes=n))
GRACE = timedelta(minutes=15)


def worker(
    due: timedelta | None = timedelta(hours=1),
    state: PowerState = PowerState.RUNNING,
    intent: Intent = Intent.READY,
    **guards: object,
) -> Worker:
    tags = WorkerTags(
        "p", "id", "p-00", intent, NOW, due if due is None else NOW + due, WindowsState.READY,
        guards=replace(Guards(), **guards),  # type: ignore[arg-type]
    )  # fmt: skip
    place = Place("Standard_D8ds_v5", "eastus")
    return Worker("p-00", "vm", "/x", place, state, "Succeeded", tags)


def pool(*workers: Worker, after: timedelta = timedelta()) -> Observed:
    return Observed("p", NOW + after, workers)


def told(observed: Observed) -> dict[str, Any]:
    """The status, without what it says of costs."""
    status = document(observed)
    status["warnings"] = [text for text in status["warnings"] if "has cost" not in text]
    return status


def lease(since: timedelta, until: timedelta, ends: timedelta) -> Lease:
    return Lease("eval", NOW + since, NOW + until, NOW + ends)


LEASES = st.builds(lease, MINUTES, MINUTES, MINUTES)


@given(MINUTES, LEASES)
def test_a_lease_only_ever_puts_a_pause_off_and_never_beyond_its_end(
    due: timedelta, held: Lease
) -> None:
    moment = lifetime.auto_pause_at(pool(worker(due, lease=held)))
    assert moment == max(NOW + due, min(held.until, held.ends))


def test_the_deadline_is_that_of_the_workers_that_are_billed() -> None:
    """One that could not be resumed with the others bears a later one from before."""
    resumed, left = worker(timedelta(hours=1)), worker(timedelta(hours=9), PowerState.DEALLOCATED)
    assert lifetime.wished(pool(resumed, left)) == NOW + timedelta(hours=1)
    assert lifetime.wished(pool(left)) == NOW + timedelta(hours=9)


@given(MINUTES, LEASES, MINUTES)
def test_a_pool_is_due_exactly_when_neither_deadline_nor_lease_reaches_farther(
    due: timedelta, held: Lease, after: timedelta
) -> None:
    now = NOW + after
    is_kept = NOW + due > now or held.is_held(now)
    assert lifetime.is_due(pool(worker(due, lease=held)), now) is not is_kept


@given(st.lists(st.integers(1, 20), max_size=80))
def test_no_heartbeat_carries_a_lease_beyond_twelve_hours(pauses: list[int]) -> None:
    """A holder that renews for ever, at whatever intervals, even after being cut off."""
    now = NOW
    held = leases.taken(None, "eval", now, LENGTH)
    for pause in pauses:
        now += timedelta(minutes=pause)
        if now >= NOW + LENGTH.most:
            with pytest.raises(LockedError, match="ended for good"):
                leases.renewed(held, held, now, LENGTH)
            break
        held = leases.renewed(held, held, now, LENGTH)
    assert held.reaches <= NOW + LENGTH.most
    assert held.since == NOW


def test_a_pool_that_is_held_is_held_by_one() -> None:
    held = leases.taken(None, "eval", NOW, LENGTH)
    with pytest.raises(LockedError, match="eval works on the pool"):
        leases.taken(held, "other", NOW, LENGTH)
    own = replace(held, holder="other")
    with pytest.raises(LockedError, match="eval works on the pool"):
        leases.renewed(held, own, NOW, LENGTH)


def test_a_lease_that_ran_out_is_free_for_others() -> None:
    held = leases.taken(None, "eval", NOW, LENGTH)
    later = NOW + timedelta(minutes=15)
    assert leases.taken(held, "other", later, LENGTH).holder == "other"


def test_the_holder_may_take_it_again_and_begins_no_new_twelve_hours() -> None:
    held = leases.taken(None, "eval", NOW, LENGTH)
    again = leases.taken(held, "eval", NOW + timedelta(minutes=10), LENGTH)
    assert (again.since, again.ends) == (held.since, held.ends)


@given(st.integers(-60, 120))
def test_a_pause_is_warned_of_in_its_last_half_hour(minutes: int) -> None:
    due = timedelta(minutes=minutes)
    is_time = 0 < minutes <= 30
    assert lifetime.pause_to_warn_of(pool(worker(due)), NOW) == (NOW + due if is_time else None)


def test_each_pause_is_warned_of_once_and_an_extended_one_again() -> None:
    due = timedelta(minutes=20)
    told = worker(due, warned_of=NOW + due)
    assert lifetime.pause_to_warn_of(pool(told), NOW) is None
    assert lifetime.pause_to_warn_of(pool(worker(timedelta(minutes=25), warned_of=NOW + due)), NOW)


def test_a_paused_pool_is_not_warned_of() -> None:
    down = worker(timedelta(minutes=20), PowerState.DEALLOCATED)
    assert lifetime.pause_to_warn_of(pool(down), NOW) is None


def test_while_the_pool_is_held_only_the_end_of_the_lease_is_warned_of() -> None:
    begin, soon = timedelta(hours=-1), timedelta(minutes=10)
    held = lease(begin, soon, timedelta(hours=11))
    assert lifetime.pause_to_warn_of(pool(worker(soon, lease=held)), NOW) is None
    ending = lease(begin, soon, timedelta(minutes=20))
    assert lifetime.pause_to_warn_of(pool(worker(-soon, lease=ending)), NOW) == ending.ends


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 240))
def test_azures_timer_acts_on_a_whole_minute_and_never_before_auto_pause_had_its_time(
    moment: datetime, minutes: int
) -> None:
    grace = timedelta(minutes=minutes)
    if moment > datetime(9000, 1, 1, tzinfo=UTC):
        return
    at = deadlines.server_deadline(moment, grace)
    assert (at.second, at.microsecond) == (0, 0)
    assert timedelta() <= at - (moment + grace) < timedelta(minutes=1)


def armed(hours: float, kind: TimerKind = TimerKind.COMPUTE_SCHEDULE) -> ServerTimer:
    return ServerTimer(kind, NOW + timedelta(hours=hours), ("a",))


def test_the_status_shows_when_azure_itself_would_act_and_warns_where_it_would_not() -> None:
    guarded = told(pool(worker(server=armed(2)), worker(server=armed(3))))
    assert guarded["server_deadline_at"] == "2026-01-01T15:00:00Z"
    assert guarded["warnings"] == []
    half = told(pool(worker(server=armed(2)), worker()))
    assert half["server_deadline_at"] is None
    assert "no timer on Azure's side (none was set)" in half["warnings"][0]


@pytest.mark.parametrize(
    ("timer", "said"),
    [
        (ServerTimer(TimerKind.NONE, reason="AuthorizationFailed"), "AuthorizationFailed"),
        (armed(-1), "it has passed"),
        (ServerTimer(TimerKind.OFF), ""),
    ],
)
def test_why_there_is_no_timer_is_said_unless_none_is_wanted(timer: ServerTimer, said: str) -> None:
    warnings = told(pool(worker(server=timer)))["warnings"]
    assert [said in text for text in warnings] == ([True] if said else [])


def test_a_worker_on_its_way_up_is_not_complained_of_until_its_run_must_have_been_killed() -> None:
    fresh = worker(intent=Intent.CREATE)
    assert deadlines.unguarded(pool(fresh)) == ()
    assert not deadlines.needs_timer(fresh, NOW)
    later = NOW + timedelta(minutes=30)
    assert deadlines.unguarded(pool(fresh, after=timedelta(minutes=30)))
    assert deadlines.needs_timer(fresh, later)


def test_what_azure_refused_is_not_asked_for_again_but_what_came_too_early_is() -> None:
    refused = worker(server=ServerTimer(TimerKind.NONE, reason="AuthorizationFailed"))
    early = ServerTimer(TimerKind.NONE, reason=f"AuthorizationFailed {deadlines.TOO_FAR}")
    assert not deadlines.needs_timer(refused, NOW)
    assert not deadlines.needs_timer(worker(timedelta(hours=30), server=early), NOW)
    assert deadlines.needs_timer(worker(timedelta(hours=20), server=early), NOW)


def test_a_pool_that_azures_timer_took_down_is_paused_since_then_and_its_windows_unknown() -> None:
    """Nobody saw Windows power off: the next start may install it anew, and the status says so."""
    cut = worker(timedelta(hours=1), PowerState.DEALLOCATED, server=armed(1.25))
    status = document(pool(cut, after=timedelta(hours=5)))
    assert status["paused_since"] == "2026-01-01T13:15:00Z"
    assert status["workers"][0]["windows"] == "unknown"
    assert any("may reinstall" in text for text in status["warnings"])
