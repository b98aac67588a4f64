from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vmpool.ledger import CREATING, Sight, accrue, noted_ahead, opened, reconcile
from vmpool.model import PowerState
from vmpool.money import Ledger
from vmpool.replay import KEPT, LATEST, Act, asks_from, settle

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3600.0
LONG_AGO = LATEST.total_seconds() + 1
VERBS = ("start", "deallocate", "restart", "poweroff", "write", "microsoft.resources/tags/write")


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def ledger(*, is_billed: bool, billed: float = 100.0) -> Ledger:
    return Ledger(billed, T0, is_billed=is_billed, slack_seconds=0.0, session_at=T0,
                  session_base=0.0)  # fmt: skip


def act(verb: str, begun: float, took: float = 42.0, *, fails: bool = False) -> Act:
    return Act(verb, after(begun), after(begun + took), is_failed=fails)


def sight(at: float, changed: float, *, is_billed: bool) -> Sight:
    power = PowerState.RUNNING if is_billed else PowerState.DEALLOCATED
    return Sight(after(at), power, changed_at=after(changed))


def settled(before: Ledger, seen: Sight, *acts: Act) -> Ledger:
    found = settle(before, seen, acts)
    assert found
    return reconcile(found, seen)


waits = st.floats(3.0, 1e6, allow_nan=False)
steps = st.tuples(waits, st.sampled_from(VERBS), st.floats(0.0, 600.0), st.booleans())


@example(story=[(3.0, "start", 0.0, True)], then=3.0, is_billed=False)
@given(story=st.lists(steps, min_size=1, max_size=8), then=waits, is_billed=st.booleans())
def test_whoever_switched_the_vm_however_often_every_second_is_known(
    *, story: list[tuple[float, str, float, bool]], then: float, is_billed: bool
) -> None:
    """We, timers, somebody in the portal; what failed is known to a span that is said."""
    at, billed, state, acts = 0.0, 0.0, is_billed, []
    for wait, verb, took, fails in story:
        billed, at, before = billed + wait * state, at + wait, state
        state = {"start": True, "deallocate": False}.get(verb, state)
        acts.append(act(verb, at, took, fails=fails))
        billed, at = billed + took * state, at + took
        state = before if fails else state
    end = at + then + LONG_AGO
    billed += (end - at) * state
    seen = settled(ledger(is_billed=is_billed), sight(end, at, is_billed=state), *acts)
    assert seen.is_billed == state
    assert abs(seen.billed_seconds - 100 - billed) <= seen.slack_seconds + 1.1
    if not any(fails for *_, fails in story):
        assert seen.slack_seconds == 0


def test_a_forgotten_vm_that_azures_timer_deallocated_is_billed_to_the_timers_second() -> None:
    seen = sight(24 * HOUR, 2 * HOUR + 42, is_billed=False)
    running = ledger(is_billed=True)
    assert reconcile(running, seen).slack_seconds > HOUR, "without the log"
    found = settled(running, seen, act("deallocate", 2 * HOUR))
    assert (found.billed_seconds, found.slack_seconds) == (100 + 2 * HOUR, 0)


def test_the_log_is_not_asked_while_everything_is_certain() -> None:
    at_rest = sight(24 * HOUR, -HOUR, is_billed=True)
    assert asks_from(ledger(is_billed=True), at_rest) is None


def test_the_log_is_not_asked_for_what_it_does_not_hold_yet_or_any_more() -> None:
    running = ledger(is_billed=True)
    soon = sight(LATEST.total_seconds() - 1, 600, is_billed=False)
    assert asks_from(running, soon) is None
    late = sight(KEPT.total_seconds() + 1, 600, is_billed=False)
    assert asks_from(running, late) is None
    assert asks_from(running, replace(late, at=late.at - timedelta(days=1))) == T0


def test_what_is_younger_than_the_log_stays_uncertain_but_no_more_than_that() -> None:
    """Deallocated ten minutes ago: only within the last half hour can anything be missing."""
    end = 5 * HOUR
    seen = sight(end, end - 600, is_billed=False)
    found = settled(ledger(is_billed=True), seen, act("deallocate", end - 642))
    assert 600 < found.slack_seconds <= LATEST.total_seconds() - 600
    assert found.billed_seconds == pytest.approx(100 + end - 642, abs=1)


def test_what_was_written_while_uncertain_is_put_right_later() -> None:
    """Somebody resumed the pool ten minutes after Azure's timer: its ledger had to go on."""
    seen = sight(2 * HOUR + 600, 2 * HOUR + 42, is_billed=False)
    guessed = reconcile(ledger(is_billed=True), seen)
    assert guessed.slack_seconds > HOUR
    read = Ledger.decode(accrue(guessed, after(2 * HOUR + 600)).encode())
    assert read
    later = sight(9 * HOUR, 3 * HOUR + 45, is_billed=True)
    assert asks_from(read, later) == T0
    acts = act("deallocate", 2 * HOUR - 100, 142), act("start", 3 * HOUR, 45)
    found = settled(read, later, *acts)
    assert (found.billed_seconds, found.slack_seconds) == (100 + 8 * HOUR - 100, 0)
    assert (found.session_at, found.session_base) == (after(3 * HOUR), 100 + 2 * HOUR - 100)
    assert found.sure is None


def test_a_start_that_was_noted_ahead_and_never_came_is_not_billed_until_an_old_timer_acts() -> (
    None
):
    """The timer of the session before finds the VM deallocated; the log tells of no start."""
    read = Ledger.decode(noted_ahead(ledger(is_billed=False), after(HOUR)).encode())
    assert read
    found = settled(
        read, sight(24 * HOUR, 2 * HOUR, is_billed=False), act("deallocate", 2 * HOUR, 0)
    )
    assert (found.billed_seconds, found.slack_seconds) == (100, 0)


def test_a_start_that_was_noted_ahead_is_billed_from_its_begin() -> None:
    read = Ledger.decode(noted_ahead(ledger(is_billed=False), after(HOUR)).encode())
    assert read
    running = sight(24 * HOUR, HOUR + 50, is_billed=True)
    assert settled(read, running, act("start", HOUR + 5)).billed_seconds == 100 + 23 * HOUR - 5


@pytest.mark.parametrize("ahead", [0.0, 2.4])
@pytest.mark.parametrize(("verb", "hours"), [("start", 2), ("deallocate", 3)])
def test_what_began_before_the_note_ahead_of_it_counts_all_the_same(
    verb: str, hours: int, ahead: float
) -> None:
    """Our clock may be ahead of Azure's. Without it a whole session was lost, or went on."""
    is_start = verb == "start"
    before = ledger(is_billed=not is_start)
    noted = noted_ahead(before, T0) if is_start else before
    other = act("deallocate" if is_start else "start", 2 * HOUR)
    seen = sight(5 * HOUR, 2 * HOUR + 42, is_billed=not is_start)
    found = settled(noted, seen, act(verb, -ahead), other)
    assert found.billed_seconds == 100 + hours * HOUR
    assert found.session_at == (T0 if is_start else after(2 * HOUR))


def test_what_ended_before_the_ledger_was_written_is_in_it_already() -> None:
    """A start that failed at once."""
    seen = sight(5 * HOUR, 2 * HOUR + 42, is_billed=False)
    acts = act("start", -3, 1, fails=True), act("start", HOUR), act("deallocate", 2 * HOUR)
    assert settled(ledger(is_billed=False), seen, *acts).billed_seconds == 100 + HOUR


def test_a_log_that_lacks_the_last_operation_settles_nothing() -> None:
    seen = sight(24 * HOUR, 9 * HOUR, is_billed=False)
    assert settle(ledger(is_billed=True), seen, [act("deallocate", 2 * HOUR)]) is None


def test_an_operation_whose_end_the_log_lacks_counts_but_explains_nothing_much_later() -> None:
    """Ends are missing now and then."""
    endless = Act("deallocate", after(2 * HOUR))
    seen = sight(24 * HOUR, 2 * HOUR + 42, is_billed=False)
    assert settled(ledger(is_billed=True), seen, endless).billed_seconds == 100 + 2 * HOUR
    assert (
        settle(ledger(is_billed=True), replace(seen, changed_at=after(9 * HOUR)), [endless]) is None
    )


def test_a_log_that_contradicts_the_power_state_settles_nothing() -> None:
    """The platform takes a VM down without an operation that anybody asked for."""
    seen = sight(24 * HOUR, 9 * HOUR + 40, is_billed=False)
    assert settle(ledger(is_billed=True), seen, [act("restart", 9 * HOUR)]) is None


def test_a_vm_of_the_same_name_that_was_deleted_before_does_not_count() -> None:
    """A place without room: its VM is deleted, the next one is made elsewhere."""
    made = replace(sight(24 * HOUR, 400, is_billed=True), created_at=after(100))
    old = act("write", 1, 30, fails=True), act("delete", 40, 34)
    found = settled(opened(T0), made, *old, act("write", 100, 300))
    assert found.billed_seconds == pytest.approx(24 * HOUR - 100 - CREATING.total_seconds())


def test_a_create_that_nobody_watched_may_have_found_its_host_until_it_ended() -> None:
    made = replace(sight(24 * HOUR, 9 * HOUR + 42, is_billed=False), created_at=after(1))
    found = settled(opened(T0), made, act("write", 1, 300), act("deallocate", 9 * HOUR))
    assert found.billed_seconds == pytest.approx(9 * HOUR - 1 - CREATING.total_seconds())
    assert found.slack_seconds == pytest.approx(300 - CREATING.total_seconds())


def test_what_failed_and_came_last_is_what_azure_says_it_is() -> None:
    """A start that failed after the VM had power: it runs, and bills."""
    seen = sight(24 * HOUR, HOUR + 45, is_billed=True)
    found = settled(ledger(is_billed=False), seen, act("start", HOUR, 45, fails=True))
    assert found.billed_seconds == 100 + 23 * HOUR


def test_a_start_that_is_refused_at_once_starts_no_session() -> None:
    """It ends in the moment of its begin."""
    seen = sight(24 * HOUR, 9 * HOUR + 42, is_billed=False)
    acts = act("start", HOUR, 0, fails=True), act("start", 8 * HOUR), act("deallocate", 9 * HOUR)
    found = settled(ledger(is_billed=False), seen, *acts)
    assert found.billed_seconds == 100 + HOUR


def test_a_create_that_failed_at_once_is_billed_by_nobody() -> None:
    seen = replace(sight(24 * HOUR, 2, is_billed=False), created_at=after(1))
    assert settled(opened(T0), seen, act("write", 1, 1, fails=True)).billed_seconds == 0
