from __future__ import annotations

import json
import statistics
from datetime import timedelta
from typing import Any

import lab_of_runs as lab
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmpool.history import FEWEST_RUNS, History, headline, percentile, restored, run_of, stored
from vmpool.model import Phase
from vmpool.scenario import GOAL_MINUTES, Scenario
from vmpool.timing import INTERRUPTED, OVER, Span, rows

SECONDS = st.floats(0, 1e6, allow_nan=False)


@settings(deadline=None)
@given(st.lists(SECONDS, min_size=2), st.integers(1, 99))
def test_percentiles_are_those_of_the_standard_library(values: list[float], share: int) -> None:
    expected = statistics.quantiles(values, n=100, method="inclusive")[share - 1]
    assert percentile(values, share / 100) == pytest.approx(expected, abs=1e-6)


@settings(deadline=None)
@given(SECONDS, st.floats(0, 1))
def test_every_percentile_of_one_value_is_that_value(value: float, share: float) -> None:
    assert percentile([value], share) == value


@st.composite
def recorded(draw: st.DrawFn) -> list[Span]:
    """Spans of a run, whatever they say of themselves."""
    begin, length = draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))
    started = lab.START + timedelta(milliseconds=begin)
    error = draw(st.one_of(st.just(""), st.just(INTERRUPTED), st.text(min_size=1)))
    return [
        Span(
            draw(st.sampled_from(["p1", "p1-00", "p1-01"])),
            draw(st.sampled_from(list(Phase))),
            started,
            started + timedelta(milliseconds=length),
            error,
            draw(st.text()),
            bool(error) and error != INTERRUPTED and draw(st.booleans()),
        )
    ]


@settings(deadline=None)
@given(st.lists(recorded(), min_size=1).map(lambda lists: [one for it in lists for one in it]))
def test_a_run_read_back_is_the_one_that_was_kept(spans: list[Span]) -> None:
    def told(run: Any) -> list[Any]:
        begin = min(span.started for span in run.spans)
        return sorted(
            (s.worker, s.phase, (s.started - begin) / timedelta(seconds=1), s.seconds, s.ending)
            for s in run.spans
        )

    kept = run_of("pool-pause", "p1", spans)
    read = restored("p1", kept.at, json.loads(json.dumps(stored(kept))))
    assert read
    assert told(read) == told(kept)
    assert (read.scenario, read.is_whole) == (kept.scenario, kept.is_whole)


def test_a_kept_run_knows_its_way_again() -> None:
    kept = lab.run(lab.FROM_WINDOWS)
    read = restored(lab.POOL, kept.at, stored(kept))
    assert read
    assert read.scenario == "image, Windows"
    assert read.seconds == kept.seconds


@pytest.mark.parametrize("rows", [[{"a": 1}], [{}], ["no row"], [{"worker": "p", "phase": "x"}]])
def test_a_table_that_is_not_ours_is_passed_over(rows: list[Any]) -> None:
    assert restored("p1", lab.START, rows) is None


def test_phases_are_compared_with_those_of_the_same_way_only() -> None:
    history = History((lab.run(lab.COLD, 3.0), lab.run(lab.WARM), lab.run(lab.COLD)))
    assert history.phases["cold", Phase.WAIT_FOR_WAA].p50 == 200.0
    assert history.phases["warm", Phase.WAIT_FOR_WAA].p50 == 100.0
    assert history.scenarios == ("cold", "warm")


def test_a_run_in_which_a_worker_failed_says_nothing_of_the_whole() -> None:
    *most, last = lab.spans(lab.COLD)
    failed = Span(last.worker, last.phase, last.started, last.ended, "cut")
    good = lab.spans(lab.COLD, "p1-01")
    history = History((run_of("pool-create", lab.POOL, [*most, failed, *good]),))
    assert history.totals == {}
    assert history.phases["cold", Phase.OPEN_TUNNEL].p50 == 1.0


def test_a_try_that_was_followed_by_a_good_one_leaves_a_run_whole() -> None:
    first, *rest = lab.spans(lab.COLD)
    tried = Span(first.worker, first.phase, first.started, first.started, "cut", is_retried=True)
    assert run_of("pool-create", lab.POOL, [tried, first, *rest]).is_whole


def late_and_history(runs: int) -> tuple[Any, frozenset[Span]]:
    late = lab.run(lab.WARM, 1.5)
    history = History(tuple(lab.run(lab.WARM, 1.0 + 0.01 * i) for i in range(runs)))
    return late, history.over(late)


def test_what_took_longer_than_p95_of_enough_runs_is_marked() -> None:
    late, over = late_and_history(FEWEST_RUNS)
    assert {span.phase for span in over} == {span.phase for span in late.spans}
    assert all(row["outcome"].startswith(OVER) for row in rows(late.spans, over))


def test_nothing_is_marked_before_there_are_enough_runs() -> None:
    assert late_and_history(FEWEST_RUNS - 1)[1] == frozenset()


def test_what_took_as_long_as_always_is_not_marked() -> None:
    history = History(tuple(lab.run(lab.WARM) for _ in range(FEWEST_RUNS)))
    assert history.over(lab.run(lab.WARM)) == frozenset()


def test_a_pool_of_many_workers_is_one_run() -> None:
    many = [span for i in range(9) for span in lab.spans(lab.WARM, f"p1-{i:02d}")]
    history = History((run_of("pool-resume", lab.POOL, many),))
    assert history.phases["warm", Phase.START_VM].runs == 1
    assert history.over(lab.run(lab.WARM, 2.0)) == frozenset()


def test_the_document_has_figures_and_goals_of_every_way() -> None:
    document = json.loads(json.dumps(History((lab.run(lab.HOT), lab.run(lab.COLD))).document()))
    assert [it["scenario"] for it in document["scenarios"]] == ["cold", "hot"]
    assert [it["goal_minutes"] for it in document["scenarios"]] == [
        GOAL_MINUTES[Scenario.COLD],
        GOAL_MINUTES[Scenario.HOT],
    ]
    hot = document["scenarios"][1]
    assert hot["total"] == {"runs": 1, "p50_seconds": 141.0, "p95_seconds": 141.0}
    assert hot["phases"][0]["phase"] == "wait-for-ssh"


@pytest.mark.parametrize(
    ("steps", "flow", "words"),
    [
        (lab.COLD, "pool-create", "pool-create took 4:01 min (cold, by hand: 42 min)"),
        (lab.HOT, "pool-resume", "pool-resume took 2:21 min (hot, goal: 2 min)"),
        (lab.READY, "pool-resume", "pool-resume took 2:21 min"),
        (lab.HOT, "pool-pause", "pool-pause took 2:21 min"),
    ],
)
def test_a_run_is_told_beside_the_goal_of_its_way(
    steps: list[lab.Step], flow: str, words: str
) -> None:
    assert headline(flow, lab.run(steps, flow=flow)) == words
