"""What becomes of paused pools and of what nobody owns: pure, over many cases and long times."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool.guards import Guards
from vmpool.idle import DAY, Idle, IdleRules, IdleVerb, judge
from vmpool.model import (
    Intent,
    Leftover,
    Observed,
    Place,
    PowerState,
    WindowsState,
    Worker,
    WorkerTags,
)
from vmpool.orphans import Orphan, OrphanVerb, judge_all
from vmpool.status import document

PAUSED = datetime(2026, 1, 1, tzinfo=UTC)
RULES = IdleRules()
HOUR = timedelta(hours=1)


def worker(
    state: PowerState = PowerState.DEALLOCATED,
    guards: Guards | None = None,
    intent_at: datetime = PAUSED,
    name: str = "p-00",
    pool_id: str = "id",
) -> Worker:
    tags = WorkerTags(
        "p", pool_id, name, Intent.PAUSE, intent_at, None, WindowsState.OFF,
        guards=guards or Guards(),
    )  # fmt: skip
    place = Place("Standard_D8ds_v5", "eastus")
    return Worker(name, "vm", "/x", place, state, "Succeeded", tags)


def pool(*workers: Worker, now: datetime = PAUSED) -> Observed:
    return Observed("p", now, workers)


def told(observed: Observed) -> dict[str, Any]:
    """The status, without what it says of costs."""
    status = document(observed)
    status["warnings"] = [text for text in status["warnings"] if "has cost" not in text]
    return status


class Sweeps:
    """A paused pool, looked at again and again; what was said is kept on it as tags would."""

    def __init__(self) -> None:
        self.worker = worker()
        self.said: list[tuple[float, IdleVerb]] = []

    def sweep(self, now: datetime, *, is_heard: bool = True) -> IdleVerb:
        idle = judge(pool(self.worker), now, RULES)
        if idle.verb is not IdleVerb.LEAVE:
            self.said.append(((now - PAUSED) / DAY, idle.verb))
        if is_heard and self.worker.tags:
            guards = self.worker.tags.guards
            if idle.verb is IdleVerb.WARN:
                guards = replace(guards, idle_warned_at=now)
            if idle.verb is IdleVerb.WARN_OF_DELETION:
                guards = replace(guards, deletion_warned_at=now)
            self.worker = replace(self.worker, tags=replace(self.worker.tags, guards=guards))
        return idle.verb


def test_a_paused_pool_is_warned_of_daily_from_the_7th_day_and_deleted_on_the_14th() -> None:
    sweeps = Sweeps()
    now = PAUSED
    while sweeps.sweep(now) is not IdleVerb.DELETE:
        now += HOUR
    warned = [(day, IdleVerb.WARN) for day in range(7, 13)]
    assert sweeps.said == [*warned, (13.0, IdleVerb.WARN_OF_DELETION), (14.0, IdleVerb.DELETE)]


@given(st.lists(st.integers(1, 24 * 20), max_size=60), st.lists(st.booleans(), max_size=60))
def test_nothing_is_deleted_that_was_not_announced_a_day_before(
    pauses: list[int], heard: list[bool]
) -> None:
    """However irregularly the sweeps come, and whether or not Prefect's server takes the events."""
    sweeps = Sweeps()
    now = PAUSED
    announced: datetime | None = None
    for pause, is_heard in zip(pauses, heard, strict=False):
        now += HOUR * pause
        verb = sweeps.sweep(now, is_heard=is_heard)
        if verb is IdleVerb.WARN_OF_DELETION and is_heard:
            announced = now
        if verb is IdleVerb.DELETE:
            assert announced
            assert now - announced >= DAY
            assert now - PAUSED >= 14 * DAY
            return


def test_a_resume_in_between_begins_anew() -> None:
    """Also what had been announced before no longer counts."""
    told = Guards(idle_warned_at=PAUSED + 12 * DAY, deletion_warned_at=PAUSED + 13 * DAY)
    running = worker(PowerState.RUNNING, told)
    assert judge(pool(running), PAUSED + 15 * DAY, RULES).verb is IdleVerb.LEAVE
    again = worker(guards=told, intent_at=PAUSED + 15 * DAY)
    verbs = [judge(pool(again), PAUSED + n * DAY, RULES).verb for n in (16, 22, 28, 40)]
    assert verbs == [
        IdleVerb.LEAVE, IdleVerb.WARN, IdleVerb.WARN_OF_DELETION, IdleVerb.WARN_OF_DELETION,
    ]  # fmt: skip


@given(st.sampled_from([s for s in PowerState if s is not PowerState.DEALLOCATED]))
def test_a_pool_of_which_anything_may_run_is_never_touched(state: PowerState) -> None:
    told = Guards(deletion_warned_at=PAUSED + 13 * DAY)
    half = pool(worker(guards=told), worker(state, told, name="p-01"))
    assert judge(half, PAUSED + 99 * DAY, RULES).verb is IdleVerb.LEAVE


def test_a_pool_with_a_worker_whose_tags_cannot_be_read_is_never_touched() -> None:
    told = Guards(deletion_warned_at=PAUSED + 13 * DAY)
    unreadable = replace(worker(name="p-01"), tags=None)
    found = judge(pool(worker(guards=told), unreadable), PAUSED + 99 * DAY, RULES)
    assert found.verb is IdleVerb.LEAVE


def test_a_kept_pool_is_left_alone_also_when_only_one_worker_says_so() -> None:
    kept = pool(worker(guards=Guards(is_kept=True)), worker(name="p-01"))
    assert judge(kept, PAUSED + 99 * DAY, RULES).verb is IdleVerb.LEAVE


def test_the_status_says_how_long_and_what_keeps_it() -> None:
    (warning,) = told(pool(worker(), now=PAUSED + 8 * DAY))["warnings"]
    assert warning.startswith("paused for 8 days, deleted after 2026-01-15 00:00 UTC")
    assert "oa-vm pool-keep --pool p" in warning


@pytest.mark.parametrize("days", [0.5, 6.9])
def test_a_pool_that_was_paused_lately_is_not_mentioned(days: float) -> None:
    assert told(pool(worker(), now=PAUSED + days * DAY))["warnings"] == []


def idle_of(days: float) -> Idle:
    return judge(pool(worker()), PAUSED + days * DAY, RULES)


@given(st.floats(0, 400))
def test_the_announced_moment_is_never_less_than_a_day_away(days: float) -> None:
    found = idle_of(days)
    assert found.delete_at
    assert found.delete_at - (PAUSED + days * DAY) >= min(DAY, 14 * DAY - days * DAY)


NIC, NETWORK = "Microsoft.Network/networkInterfaces", "Microsoft.Network/virtualNetworks"


def part(kind: str = NIC, owner: str = "p-00", **changed: object) -> Leftover:
    made = Leftover("/x/n", kind, "n", "eastus", "p", "id", owner)
    return replace(made, **changed)  # type: ignore[arg-type]


def verdicts(parts: list[Leftover], *workers: Worker) -> list[OrphanVerb]:
    return [orphan.verb for orphan in judge_all(parts, workers, PAUSED)]


def test_what_belongs_to_a_living_worker_or_pool_is_in_order() -> None:
    assert verdicts([part(), part(NETWORK, "")], worker()) == []


def test_what_belongs_to_nobody_is_noted_first_and_removed_by_a_later_run() -> None:
    seen = [part(orphan_since=PAUSED - timedelta(minutes=n)) for n in (1, 60)]
    assert verdicts([part(), *seen]) == [OrphanVerb.NOTE, OrphanVerb.WAIT, OrphanVerb.REMOVE]


def test_what_found_an_owner_again_is_no_orphan_any_more() -> None:
    assert verdicts([part(orphan_since=PAUSED - HOUR)], worker()) == [OrphanVerb.FORGET]


@pytest.mark.parametrize(
    ("doubtful", "workers", "said"),
    [
        (part(pool_id=""), (), "tags are damaged"),
        (part(pool=""), (), "tags are damaged"),
        (part(worker=""), (), "tags are damaged"),
        (part(owner="p-07"), (worker(),), "its worker is gone, its pool is not"),
        (part(), (worker(pool_id="other"),), "another pool has the same name"),
        (part(), (replace(worker(), tags=None),), "no readable tags"),
        (part(NETWORK, ""), (replace(worker(), tags=None),), "no readable tags"),
    ],
)
def test_whatever_is_in_doubt_is_reported_and_never_touched(
    doubtful: Leftover, workers: tuple[Worker, ...], said: str
) -> None:
    old = replace(doubtful, orphan_since=PAUSED - 9 * DAY)
    for item in (doubtful, old):
        (found,) = judge_all([item], workers, PAUSED)
        assert found.verb is OrphanVerb.REPORT
        assert said in found.reason


IDS, POOLS = st.sampled_from(["", "a", "b"]), st.sampled_from(["", "p", "q"])
NAMES = ["p-00", "q-00"]
PARTS = st.builds(
    part,
    st.sampled_from([NIC, NETWORK]),
    st.sampled_from(["", *NAMES]),
    pool=POOLS,
    pool_id=IDS,
    orphan_since=st.none() | st.just(PAUSED - HOUR),
)
WORKERS = st.lists(
    st.builds(
        lambda name, pool_id, is_readable: (
            worker(name=name, pool_id=pool_id)
            if is_readable
            else replace(worker(name=name), tags=None)
        ),
        st.sampled_from(NAMES),
        st.sampled_from(["a", "b"]),
        st.booleans(),
    ),
    max_size=2,
)


@given(st.lists(PARTS, max_size=5), WORKERS)
def test_nothing_of_a_living_pool_is_ever_removed(
    parts: list[Leftover], workers: list[Worker]
) -> None:
    living = {w.tags.pool_id for w in workers if w.tags}
    removed: list[Orphan] = [
        orphan for orphan in judge_all(parts, workers, PAUSED) if orphan.verb is OrphanVerb.REMOVE
    ]
    for orphan in removed:
        assert orphan.part.pool_id not in {"", *living}
        assert orphan.part.pool
        assert orphan.part.orphan_since
