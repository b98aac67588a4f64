from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool.ledger import (
    CREATING,
    DEALLOCATING,
    NOTING,
    STARTING,
    Sight,
    accrue,
    began_session,
    opened,
    reconcile,
    switched,
)
from vmpool.model import PowerState
from vmpool.money import Ledger

T0 = datetime(2026, 1, 1, tzinfo=UTC)
BILLED = [state for state in PowerState if state.is_billed and state is not PowerState.UNKNOWN]
FREE = [state for state in PowerState if not state.is_billed]


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def running(since: float = 0.0, billed: float = 100.0) -> Ledger:
    return Ledger(billed, after(since), is_billed=True, slack_seconds=0.0, session_at=T0,
                  session_base=0.0)  # fmt: skip


def deallocated(since: float = 0.0, billed: float = 100.0) -> Ledger:
    return replace(running(since, billed), is_billed=False)


waits = st.floats(0.0, 1e7, allow_nan=False)


@given(waits=st.lists(waits, min_size=1, max_size=8), is_billed=st.booleans())
def test_noting_often_gives_what_noting_once_gives(waits: list[float], *, is_billed: bool) -> None:
    """However often a ledger is written and read, no second is lost or won."""
    often = once = replace(running(), is_billed=is_billed)
    at = T0
    for wait in waits:
        at += timedelta(seconds=wait)
        often = accrue(often, at)
        read = Ledger.decode(often.encode())
        assert read
        often = read
    once = accrue(once, at)
    assert often == once


@given(st.lists(waits, min_size=2, max_size=8))
def test_switching_counts_exactly_the_time_between(waits: list[float]) -> None:
    """On, off, on, off: to the fraction of a second that Azure tells."""
    ledger, at, is_billed, expected = opened(T0), T0, False, 0.0
    for wait in waits:
        at += timedelta(seconds=wait)
        expected += wait if is_billed else 0.0
        is_billed = not is_billed
        ledger = switched(ledger, at, is_billed=is_billed)
    at += timedelta(seconds=10)
    ledger = accrue(ledger, at)
    left = (at - ledger.until).total_seconds() if is_billed else 0.0
    assert ledger.billed_seconds + left == pytest.approx(expected + 10 * is_billed, abs=1e-3)


@given(
    state=st.sampled_from(list(PowerState)),
    wait=waits,
    is_billed=st.booleans(),
    changed=st.none() | waits,
)
def test_time_never_runs_backwards_and_bills_no_more_than_passed(
    *, state: PowerState, wait: float, is_billed: bool, changed: float | None
) -> None:
    before = replace(running(), is_billed=is_billed)
    changed_at = None if changed is None else after(changed)
    seen = reconcile(before, Sight(after(wait), state, changed_at=changed_at))
    won = seen.billed_seconds - before.billed_seconds
    assert seen.until >= before.until
    assert -1.0 <= won <= wait + 1.0
    assert seen.slack_seconds >= before.slack_seconds


@pytest.mark.parametrize("state", BILLED)
def test_a_vm_that_stays_on_its_host_is_billed_for_all_of_the_time(state: PowerState) -> None:
    assert reconcile(running(), Sight(after(50), state)).billed_seconds == 150


@pytest.mark.parametrize("state", FREE)
def test_a_vm_that_stays_off_is_not_billed(state: PowerState) -> None:
    assert reconcile(deallocated(), Sight(after(50), state)).billed_seconds == 100


def test_an_unknown_power_state_changes_nothing() -> None:
    assert reconcile(running(), Sight(after(50), PowerState.UNKNOWN)) == running()


def test_a_deallocation_that_nobody_noted_ended_when_azure_says() -> None:
    """It is not billed from its begin on, and its usual length is known."""
    sight = Sight(after(90000), PowerState.DEALLOCATED, changed_at=after(1000))
    seen = reconcile(running(), sight)
    assert seen.billed_seconds == pytest.approx(100 + 1000 - DEALLOCATING.total_seconds())
    assert not seen.is_billed
    assert 0 < seen.slack_seconds <= 1000


def test_a_start_that_nobody_noted_ended_when_azure_says_and_began_a_session() -> None:
    sight = Sight(after(90000), PowerState.RUNNING, changed_at=after(80000))
    seen = reconcile(deallocated(), sight)
    assert seen.billed_seconds == pytest.approx(100 + 10000 + STARTING.total_seconds())
    assert seen.session_base == 100
    assert seen.session_at == after(80000) - STARTING


def test_a_create_that_nobody_watched_bills_from_soon_after_its_request() -> None:
    sight = Sight(after(5000), PowerState.RUNNING, created_at=after(1), changed_at=after(301))
    seen = reconcile(opened(T0), sight)
    assert seen.billed_seconds == pytest.approx(4999 - CREATING.total_seconds())


def test_looks_during_a_create_narrow_what_can_be_wrong() -> None:
    """Still creating at second 40, billed at 45: whatever is usual, it began in between."""
    creating = Sight(after(40), PowerState.CREATING, "Creating", created_at=T0, changed_at=T0)
    known = reconcile(opened(T0), creating)
    billed = replace(creating, at=after(45), power_state=PowerState.STARTING)
    seen = reconcile(known, billed)
    assert 0 <= seen.billed_seconds <= 5
    assert seen.slack_seconds <= 5


def test_a_start_that_was_noted_ahead_and_never_came_costs_nothing() -> None:
    """Azure's last operation is older than the note."""
    sight = Sight(after(7200), PowerState.DEALLOCATED, changed_at=after(-5000))
    assert reconcile(running(), sight).billed_seconds == 100


def test_a_start_that_found_no_host_is_billed_until_it_failed() -> None:
    sight = Sight(after(7200), PowerState.DEALLOCATED, "Failed", changed_at=after(5))
    assert reconcile(running(), sight).billed_seconds == 105


def test_a_deallocation_that_failed_bills_again_from_its_end() -> None:
    sight = Sight(after(7200), PowerState.STOPPED, "Failed", changed_at=after(42))
    assert reconcile(deallocated(), sight).billed_seconds == 100 + 7200 - 42


def test_a_deallocation_that_is_seen_under_way_ended_billing_at_its_begin() -> None:
    sight = Sight(after(20), PowerState.DEALLOCATING, "Updating", changed_at=after(12))
    assert reconcile(running(), sight).billed_seconds == 112


def test_a_vm_that_somebody_else_started_and_deallocated_may_have_been_billed_meanwhile() -> None:
    """Azure's last operation is younger than the note: what it ended can't be known."""
    sight = Sight(after(9000), PowerState.DEALLOCATED, changed_at=after(5000))
    seen = reconcile(deallocated(), sight)
    assert (seen.billed_seconds, seen.slack_seconds) == (100, 5000)


def test_a_vm_that_somebody_else_deallocated_and_started_may_not_have_been_billed_meanwhile() -> (
    None
):
    sight = Sight(after(9000), PowerState.RUNNING, changed_at=after(5000))
    seen = reconcile(running(), sight)
    assert (seen.billed_seconds, seen.slack_seconds) == (9100, 5000)


def test_a_vm_at_rest_whose_last_operation_is_that_of_the_note_is_certain() -> None:
    """Azure tells its time in whole seconds."""
    sight = Sight(after(9000), PowerState.RUNNING, changed_at=after(1.5))
    assert reconcile(running(), sight).slack_seconds == 0


def test_a_vm_whose_create_nobody_saw_was_billed_until_somebody_deallocated_it() -> None:
    sight = Sight(after(9000), PowerState.DEALLOCATED, created_at=after(1), changed_at=after(5000))
    seen = reconcile(opened(T0), sight)
    usual = 4999 - (CREATING + DEALLOCATING).total_seconds()
    assert seen.billed_seconds == pytest.approx(usual)
    assert not seen.is_billed
    assert seen.slack_seconds == pytest.approx(usual)


@given(
    cycle=st.just(()) | st.tuples(waits, waits), began=waits, took=st.floats(0.0, 1e4), then=waits,
    is_billed=st.booleans(),
)  # fmt: skip
def test_the_truth_lies_within_what_is_said_to_be_uncertain(
    *, cycle: tuple[float, ...], began: float, took: float, then: float, is_billed: bool
) -> None:
    """Somebody switches a VM, perhaps there and back before; the last operation's end is told."""
    at, billed, state = 0.0, 0.0, is_billed
    for wait in (*cycle, began):
        billed, at, state = billed + wait * state, at + wait, not state
    billed += took * state  # a start is billed from its begin, a deallocation no longer
    changed = at + took
    billed += then * state
    power = PowerState.RUNNING if state else PowerState.DEALLOCATED
    sight = Sight(after(changed + then), power, changed_at=after(changed))
    seen = reconcile(replace(running(), is_billed=is_billed), sight)
    assert abs(seen.billed_seconds - 100 - billed) <= seen.slack_seconds + 1.1


@given(waits, waits, waits)
def test_what_came_back_to_its_state_unseen_is_within_what_is_said_to_be_uncertain(
    first: float, second: float, then: float
) -> None:
    """Started and deallocated: the state is that of the note, the time of it is not."""
    sight = Sight(
        after(first + second + then), PowerState.DEALLOCATED, changed_at=after(first + second)
    )
    seen = reconcile(deallocated(), sight)
    assert abs(seen.billed_seconds - 100 - second) <= seen.slack_seconds + NOTING.total_seconds()


def test_a_session_counts_from_its_begin() -> None:
    ledger = accrue(began_session(running(), after(60)), after(100))
    assert ledger.billed_seconds - ledger.session_base == 40
    assert ledger.session_at == after(60)


@pytest.mark.parametrize("text", [None, "", "billed=x until=y", "billed=1 until=2026-01-01"])
def test_a_damaged_ledger_is_none(text: str | None) -> None:
    assert Ledger.decode(text) is None
