"""Pure: what a ledger is once Azure's activity log tells everything that happened to its VM.

The log has the begin and the end of each operation, whoever asked for it: we, Azure's own timers,
somebody in the portal. But it is complete only some time later (`LATEST`), so it settles what is
older than that and nothing else. What it can't explain stays as uncertain as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from vmpool.ledger import CREATING, NEW, NOTING, SURE_SECONDS, Sight, accrue, reconcile, switched
from vmpool.model import PowerState
from vmpool.money import Checkpoint, Ledger

LATEST = timedelta(minutes=30)
"""After that every event can be read. Assumed: Azure promises nothing, minutes are usual."""
KEPT = timedelta(days=89)
"""How far back is asked: Azure keeps 90 days."""
SEEN_LATE = timedelta(minutes=2)
"""By how much the log's end of an operation may lie after the VM's own: it is polled for."""
AHEAD = timedelta(seconds=5)
"""By how much a note's time may lie after the begin of an operation that it does not know of yet.
Assumed: our clock may be 2.5 seconds ahead, and no two of Azure's machines agree to the second."""
TURNS = {"start": True, "deallocate": False}
"""What begins to be billed, or ends to be, with the begin of an operation."""
WRITE = "write"
"""Operation that creates a VM, or changes one."""


@dataclass(frozen=True)
class Act:
    """One operation on a VM, by the activity log.

    Attributes:
        verb: last part of its name in lower case: start, deallocate, write, restart, ...
        begun: when it began.
        ended: when it ended, None if the log does not say (it sometimes lacks an end).
        is_failed: whether it ended without success.
    """

    verb: str
    begun: datetime
    ended: datetime | None = None
    is_failed: bool = False


def horizon(sight: Sight) -> datetime:
    """Up to when the log is complete."""
    return sight.at - LATEST


def asks_from(ledger: Ledger, sight: Sight) -> datetime | None:
    """From when on the log is needed to tell what a ledger can't, None if it can't help.

    Args:
        ledger: as last written.
        sight: what Azure says of the VM now.
    """
    if sight.power_state is PowerState.UNKNOWN or ledger.until >= horizon(sight):
        return None
    is_unsure = ledger.sure is not None
    if not is_unsure:
        added = reconcile(ledger, sight).slack_seconds - ledger.slack_seconds
        is_unsure = added > SURE_SECONDS
    since = _start(ledger).until
    return since if is_unsure and since > sight.at - KEPT else None


def settle(ledger: Ledger, sight: Sight, acts: Sequence[Act]) -> Ledger | None:
    """The ledger up to the moment until which the log is complete.

    Args:
        ledger: as last written.
        sight: what Azure says of the VM now.
        acts: what the log has of this VM since `asks_from`.

    Returns:
        The ledger; None if the log contradicts what Azure says of the VM, or lacks what it says.
    """
    until = horizon(sight)
    known = sorted((act for act in acts if act.begun <= until), key=lambda act: act.begun)
    start = _start(ledger)
    walk = _Walk(start, known, sight)
    found = walk.to(until)
    if sight.changed_at and sight.changed_at <= until:
        is_told = sight.changed_at <= start.until + NOTING or walk.tells_of(sight.changed_at)
        if not is_told or found.is_billed != sight.power_state.is_billed:
            return None
    session_at = ledger.session_at
    if found.session_at < session_at <= until:
        base = walk.to(session_at).billed_seconds
        found = replace(found, session_at=session_at, session_base=base)
    return replace(found, sure=None, is_settled=True)


def _start(ledger: Ledger) -> Ledger:
    """The ledger where it was last sure."""
    sure: Checkpoint | None = ledger.sure
    if sure is None:
        return ledger
    back = replace(
        ledger,
        billed_seconds=sure.billed_seconds,
        until=sure.until,
        is_billed=sure.is_billed,
        slack_seconds=sure.slack_seconds,
        day_base=sure.day_base,
        month_base=sure.month_base,
        sure=None,
    )
    is_before = ledger.session_at <= sure.until
    session_at = ledger.session_at if is_before else sure.until
    base = ledger.session_base if is_before else sure.billed_seconds
    return replace(back, session_at=session_at, session_base=base)


class _Walk:
    """A VM's operations, one after the other."""

    def __init__(self, start: Ledger, acts: Sequence[Act], sight: Sight) -> None:
        self._start, self._sight = start, sight
        made = sight.created_at - NOTING if sight.created_at else None
        # Of an earlier VM of the same name nothing counts.
        self._acts = [act for act in acts if made is None or (act.ended or act.begun) >= made]

    def tells_of(self, moment: datetime) -> bool:
        """Whether the log has the operation that set a VM's provisioning state at a moment."""
        return any(
            act.begun - NOTING <= moment <= (act.ended or act.begun + NEW) + SEEN_LATE
            for act in self._acts
        )

    def to(self, until: datetime) -> Ledger:
        """The ledger at a moment."""
        ledger = self._start
        acts = [act for act in self._acts if act.begun <= until]
        for act, following in pairwise([*acts, None]):
            if act is None:
                break
            before, is_in_it = self._before(ledger, act), self._has_ended(ledger, act)
            ledger = self._created(ledger, act, until)
            ledger = self._turned(ledger, act)
            if act.is_failed and act.ended and act.ended <= until and not is_in_it:
                ledger = self._failed(ledger, act, following, is_billed=before)
        return accrue(ledger, max(until, ledger.until))

    @staticmethod
    def _before(ledger: Ledger, act: Act) -> bool:
        """Whether the VM was billed before an operation, which may have begun before the ledger."""
        is_under_way = act.verb in TURNS and act.begun <= ledger.until
        return not TURNS[act.verb] if is_under_way else ledger.is_billed

    def _turned(self, ledger: Ledger, act: Act) -> Ledger:
        is_billed = TURNS.get(act.verb)
        if is_billed is None or is_billed == ledger.is_billed or self._is_known(ledger, act):
            return ledger
        turned = switched(ledger, act.begun, is_billed=is_billed)
        if is_billed:
            turned = replace(turned, session_at=turned.until, session_base=ledger.billed_seconds)
        return turned

    @staticmethod
    def _has_ended(ledger: Ledger, act: Act) -> bool:
        """Whether an operation had ended by the time of the ledger."""
        return act.ended is not None and act.ended <= ledger.until

    @classmethod
    def _is_known(cls, ledger: Ledger, act: Act) -> bool:
        """Whether the ledger was written with what an operation did in mind."""
        return cls._has_ended(ledger, act) or act.begun <= ledger.until - AHEAD

    def _created(self, ledger: Ledger, act: Act, until: datetime) -> Ledger:
        """The log does not tell when a host was found: between the begin and the end."""
        is_new = act.verb == WRITE and not ledger.is_billed and not ledger.billed_seconds
        ended = min(act.ended or act.begun + NEW, until)
        if not is_new or ended <= ledger.until:
            return ledger
        turn = min(max(act.begun + CREATING, ledger.until), ended)
        wrong = max(turn - max(act.begun, ledger.until), ended - turn).total_seconds()
        turned = switched(ledger, turn, is_billed=True)
        return replace(turned, slack_seconds=ledger.slack_seconds + wrong)

    def _failed(
        self, ledger: Ledger, act: Act, following: Act | None, *, is_billed: bool
    ) -> Ledger:
        """What failed leaves the VM as it was before; or as Azure says, which then counts."""
        if act.ended is None or act.verb not in (*TURNS, WRITE):
            return ledger
        if following and following.begun <= act.ended + NOTING:
            return ledger  # it gave way to the next one
        if following is None:
            state = self._sight.power_state.is_billed
            return switched(ledger, act.ended, is_billed=state)
        now = switched(ledger, act.ended, is_billed=is_billed)
        doubt = (following.begun - act.ended).total_seconds()
        return replace(now, slack_seconds=now.slack_seconds + doubt)
