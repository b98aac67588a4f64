"""Pure: how long Azure has billed a VM, kept exact across crashes by Azure's own times.

A ledger is written before and after each long operation. Between two looks the VM was in the state
of the first until it changed; when that was, Azure tells: a VM's `timeCreated`, and the time of its
provisioning state, which is the end of the last operation on it (or its begin, while it runs).
What Azure does not tell is the length of that operation, nor any operation before it: typical
lengths stand below, and the ledger notes by how much it may be wrong (`slack_seconds`): whatever it
was between the ledger's moment and the last operation's. Azure's activity log tells of all of them,
but later: `vmpool.replay` then begins anew where the ledger was last sure. Nothing here asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vmpool.model import PowerState, Worker
from vmpool.moments import day_of, month_of
from vmpool.money import Checkpoint, Ledger

CREATING = timedelta(seconds=20)
"""From the request of a VM until Azure has found a host and bills it (`Starting`, not `Creating`).
Assumed; only for whoever did not see it."""
STARTING = timedelta(seconds=45)
"""Length of a start operation, billed from its first second. Assumed, likewise."""
DEALLOCATING = timedelta(seconds=42)
"""Length of a deallocation, of which no second is billed: median of recorded operations."""
DELETING = timedelta(seconds=34)
"""Length of the deletion of a VM, billed to its last second: median of recorded operations."""
LONGEST_DELETING = timedelta(minutes=5)
"""The most that a deletion whose end nobody saw is taken to have lasted. Assumed."""
NEW = timedelta(minutes=10)
"""The most that a create is taken to last. Assumed: twice what was seen by hand."""
NOTING = timedelta(seconds=2)
"""Between a note and the operation that it tells of: Azure's `Date` has whole seconds."""
SURE_SECONDS = 10.0
"""What more than this is uncertain is looked up in the activity log, once that can be known."""
FAILED = "Failed"
UPDATING = "Updating"
MOVING = ("Creating", UPDATING, "Deleting")
"""While an operation runs: its begin is told, and not how far it is."""


@dataclass(frozen=True)
class Sight:
    """What Azure said of a VM at one moment.

    Attributes:
        at: when (cloud time).
        power_state: what it said; unknown changes nothing.
        provisioning_state: outcome of the last operation, or that one runs.
        created_at: when the VM was created, None if Azure did not say.
        changed_at: when the last operation ended, or began if it runs; None likewise.
    """

    at: datetime
    power_state: PowerState
    provisioning_state: str = "Succeeded"
    created_at: datetime | None = None
    changed_at: datetime | None = None

    @classmethod
    def of(cls, worker: Worker, at: datetime) -> Sight:
        """What an observation says of a worker."""
        return cls(
            at=at,
            power_state=worker.power_state,
            provisioning_state=worker.provisioning_state,
            created_at=worker.created_at,
            changed_at=worker.changed_at,
        )


def opened(at: datetime) -> Ledger:
    """The ledger of a VM whose creation is requested at `at`."""
    return Ledger(
        0.0,
        _whole(at),
        is_billed=False,
        slack_seconds=0.0,
        session_at=_whole(at),
        session_base=0.0,
        day_base=0.0,
        month_base=0.0,
    )


def accrue(ledger: Ledger, at: datetime) -> Ledger:
    """The same state until `at`, in whole seconds; time never runs backwards."""
    until = max(_whole(at), ledger.until)
    passed = (until - ledger.until).total_seconds()
    billed = ledger.billed_seconds + (passed if ledger.is_billed else 0.0)
    return replace(
        ledger,
        until=until,
        billed_seconds=billed,
        day_base=_base(ledger, ledger.day_base, day_of(until)),
        month_base=_base(ledger, ledger.month_base, month_of(until)),
    )


def _base(ledger: Ledger, known: float | None, began: datetime) -> float | None:
    """What was billed when a day or month began: known, or passed since the ledger was written."""
    if began <= ledger.until:
        return known
    passed = (began - ledger.until).total_seconds()
    return ledger.billed_seconds + (passed if ledger.is_billed else 0.0)


def switched(ledger: Ledger, at: datetime, *, is_billed: bool) -> Ledger:
    """From `at` on Azure bills, or no longer does; the exact moment counts, not its second."""
    moment = max(at, ledger.until)
    now = accrue(ledger, moment)
    if now.is_billed != is_billed:
        rest = (moment - now.until).total_seconds()
        rest = rest if now.is_billed else -rest  # to be accrued again from `until` on
        now = replace(now, is_billed=is_billed, billed_seconds=now.billed_seconds + rest)
    return now


def began_session(ledger: Ledger, at: datetime) -> Ledger:
    """A session begins: whatever is accrued from here on is its cost."""
    now = accrue(ledger, at)
    return replace(now, session_at=now.until, session_base=now.billed_seconds)


def noted_ahead(ledger: Ledger, at: datetime) -> Ledger:
    """Billed from now on, because a start is about to be requested; it may never be."""
    sure = ledger.sure or Checkpoint.of(ledger)
    return replace(switched(ledger, at, is_billed=True), sure=sure)


def reconcile(ledger: Ledger, sight: Sight) -> Ledger:
    """The ledger until the moment of a sight.

    Args:
        ledger: as last written, by whoever it was.
        sight: what Azure says now.

    Returns:
        The ledger with a change of state placed where Azure's times put it.
    """
    if sight.power_state is PowerState.UNKNOWN:
        return ledger
    if sight.power_state.is_billed == ledger.is_billed:
        return _as_before(ledger, sight)
    turn = _turned_off(ledger, sight) if ledger.is_billed else _turned_on(ledger, sight)
    earliest, latest = ledger.until, max(sight.at, ledger.until)
    moment = min(max(turn.moment, earliest), latest)
    wrong = max(moment - max(turn.earliest, earliest), min(turn.latest, latest) - moment)
    changed = switched(ledger, moment, is_billed=not ledger.is_billed)
    if changed.is_billed and sight.power_state is not PowerState.CREATING and ledger.billed_seconds:
        changed = replace(changed, session_at=changed.until, session_base=ledger.billed_seconds)
    seconds = max(wrong.total_seconds(), 0.0)
    if not ledger.is_billed and wrong <= NEW and _is_new(ledger, sight):
        # When a create found its host the log does not tell either.
        return accrue(replace(changed, slack_seconds=ledger.slack_seconds + seconds), sight.at)
    return accrue(_doubted(changed, ledger, seconds), sight.at)


def _doubted(changed: Ledger, before: Ledger, seconds: float) -> Ledger:
    """A ledger that may be wrong by so many seconds more, and remembers what was sure before."""
    sure = before.sure
    if seconds > SURE_SECONDS and sure is None:
        sure = Checkpoint.of(before)
    return replace(changed, slack_seconds=before.slack_seconds + seconds, sure=sure)


def _as_before(ledger: Ledger, sight: Sight) -> Ledger:
    """The state is that of the ledger; but an operation since then may have ended another one."""
    changed_at = sight.changed_at
    if (
        changed_at is None
        or changed_at <= ledger.until + NOTING
        or sight.power_state is PowerState.CREATING
    ):
        return accrue(ledger, sight.at)
    before, changed_at = ledger, min(changed_at, max(sight.at, ledger.until))
    unseen, wrong = changed_at - ledger.until, changed_at - ledger.until
    if not ledger.is_billed and sight.created_at and _is_new(ledger, sight):
        on = min(max(sight.created_at + CREATING, ledger.until), changed_at)
        off = max(changed_at - DEALLOCATING, on)  # it was made and ran, until somebody deallocated
        ledger = switched(switched(ledger, on, is_billed=True), off, is_billed=False)
        wrong = max(off - on, unseen - (off - on))
    return accrue(_doubted(ledger, before, wrong.total_seconds()), sight.at)


@dataclass(frozen=True)
class _Turn:
    """When a change happened: at best guess, and between which moments."""

    moment: datetime
    earliest: datetime
    latest: datetime


def _turned_off(ledger: Ledger, sight: Sight) -> _Turn:
    """A deallocation that nobody noted, or a start that failed."""
    changed_at = _after(ledger, sight)
    if sight.power_state is PowerState.DEALLOCATING and changed_at:
        return _Turn(changed_at, ledger.until, changed_at)
    if changed_at is None and sight.changed_at:  # nothing has happened: what was noted ahead failed
        return _Turn(ledger.until, ledger.until, ledger.until)
    if changed_at is None:
        return _Turn(sight.at, ledger.until, sight.at)
    if sight.provisioning_state == FAILED:
        return _Turn(changed_at, ledger.until, changed_at)
    return _Turn(changed_at - DEALLOCATING, ledger.until, changed_at)


def _turned_on(ledger: Ledger, sight: Sight) -> _Turn:
    """A create or a start that nobody noted."""
    changed_at = _after(ledger, sight)
    if sight.created_at and _is_new(ledger, sight):
        is_done = changed_at and sight.provisioning_state not in MOVING
        latest = changed_at if changed_at and is_done else sight.at
        return _Turn(sight.created_at + CREATING, sight.created_at, latest)
    if changed_at is None:
        return _Turn(ledger.until, ledger.until, sight.at)
    if sight.provisioning_state in (UPDATING, FAILED):  # a deallocation that failed bills again
        return _Turn(changed_at, ledger.until, changed_at)
    return _Turn(changed_at - STARTING, ledger.until, changed_at)


def _is_new(ledger: Ledger, sight: Sight) -> bool:
    """Whether this is still the create of a VM: never billed, and not yet come to rest."""
    if ledger.billed_seconds or sight.created_at is None:
        return False
    return ledger.until - sight.created_at <= NEW


def _after(ledger: Ledger, sight: Sight) -> datetime | None:
    """The time of the last operation, if it ended since the ledger was written."""
    if sight.changed_at and sight.changed_at >= ledger.until - timedelta(seconds=1):
        return sight.changed_at
    return None


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
