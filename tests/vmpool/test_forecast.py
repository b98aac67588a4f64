from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import lab_of_runs as lab
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmpool.forecast import Forecast, Live
from vmpool.history import FEWEST_RUNS, History
from vmpool.model import Phase
from vmpool.progress import MOST_PERCENT, percent, said
from vmpool.timing import Span

HISTORY = History((lab.run(lab.WARM), lab.run(lab.COLD)))
WHOLE = {"cold": 241.0, "warm": 191.0}


def begun(steps: list[lab.Step], ended: int, worker: str = lab.WORKER) -> list[Span]:
    """The first `ended` phases done, the next one running."""
    spans = lab.spans(steps, worker)
    return [*spans[:ended], replace(spans[ended], ended=None, detail="")]


def live(*spans: Span) -> Live:
    made = Live()
    for span in spans:
        made.listen(replace(span, ended=None))
        made.listen(span)
    return made


def test_a_new_vm_is_expected_to_go_the_way_that_new_ones_last_went() -> None:
    forecast = Forecast(HISTORY, "pool-create", lab.POOL)
    assert forecast.scenario(begun(lab.COLD, 0)) == "cold"
    assert forecast.scenario(begun(lab.WARM, 0)) == "warm"


def test_without_history_nothing_is_expected() -> None:
    forecast = Forecast(History(), "pool-create", lab.POOL)
    assert forecast.scenario(begun(lab.COLD, 0)) == ""
    assert forecast.expected_seconds("", Phase.CREATE_VM) is None
    assert forecast.seconds_left(begun(lab.COLD, 0), lab.START) is None
    assert forecast.pool_seconds_left(live(*begun(lab.COLD, 0)), lab.START) is None


@pytest.mark.parametrize(("ended", "passed"), [(0, 0.0), (0, 30.0), (3, 120.0)])
def test_a_run_like_the_last_has_left_what_that_one_had(ended: int, passed: float) -> None:
    forecast = Forecast(HISTORY, "pool-create", lab.POOL)
    left = forecast.seconds_left(begun(lab.COLD, ended), lab.START + timedelta(seconds=passed))
    assert left == WHOLE["cold"] - passed


def test_a_phase_that_takes_too_long_has_left_what_comes_after_it() -> None:
    forecast = Forecast(HISTORY, "pool-create", lab.POOL)
    left = forecast.seconds_left(begun(lab.COLD, 0), lab.START + timedelta(hours=9))
    assert left == WHOLE["cold"] - 100.0


def test_of_phases_that_run_at_once_the_one_with_most_left_counts() -> None:
    forecast = Forecast(HISTORY, "pool-create", lab.POOL)
    ssh = replace(begun(lab.COLD, 1)[-1], started=lab.START)
    left = forecast.seconds_left([begun(lab.COLD, 0)[0], ssh], lab.START)
    assert left == WHOLE["cold"]


def test_a_pool_is_done_when_its_last_worker_is() -> None:
    forecast = Forecast(HISTORY, "pool-create", lab.POOL)
    both = live(*lab.spans(lab.WARM, "p1-00"), *begun(lab.COLD, 0, "p1-01"))
    assert forecast.pool_seconds_left(both, lab.START) == WHOLE["cold"]
    assert said("pool-create", both, forecast, lab.START) == (
        "pool-create: 1 of 2 workers done, about 4:01 min left"
    )


def test_a_worker_that_is_done_has_nothing_left() -> None:
    forecast = Forecast(HISTORY, "pool-resume", lab.POOL)
    assert forecast.seconds_left(lab.spans(lab.WARM), lab.START) == 0.0


def test_other_flows_are_expected_to_take_what_they_took() -> None:
    steps = [(Phase.POWER_OFF_WINDOWS, "", 30.0), (Phase.DEALLOCATE_VM, "", 60.0)]
    forecast = Forecast(History((lab.run(steps, flow="pool-pause"),)), "pool-pause", lab.POOL)
    assert forecast.seconds_left(begun(steps, 0), lab.START) == 90.0


@settings(deadline=None)
@given(st.integers(0, 7), st.floats(0, 1e5), st.sampled_from([HISTORY, History()]))
def test_what_runs_is_never_called_done(ended: int, passed: float, history: History) -> None:
    forecast = Forecast(history, "pool-create", lab.POOL)
    at = lab.START + timedelta(seconds=passed)
    running = begun(lab.COLD, min(ended, len(lab.COLD) - 1))
    assert 0.0 <= percent("pool-create", live(*running), forecast, at) <= MOST_PERCENT
    left = forecast.seconds_left(running, at)
    assert left is None or left >= 0.0


def test_halfway_through_what_is_expected_is_fifty_percent() -> None:
    forecast = Forecast(HISTORY, "pool-create", lab.POOL)
    at = lab.START + timedelta(seconds=120.5)
    half = live(*begun(lab.COLD, 2))
    assert percent("pool-create", half, forecast, at) == pytest.approx(50.0, abs=4.0)


def test_how_long_an_evaluations_work_takes_is_not_guessed() -> None:
    forecast = Forecast(HISTORY, "pool-create", lab.POOL)
    ready = lab.spans(lab.WARM)
    assert forecast.pool_seconds_left(live(*ready), lab.START) is not None
    unit = Span(lab.WORKER, Phase.EVAL_UNIT, lab.START, detail="shard-00")
    assert forecast.pool_seconds_left(live(*ready, unit), lab.START) is None


def test_an_evaluations_phases_are_expected_to_take_what_a_resume_and_a_pause_took() -> None:
    down = [(Phase.POWER_OFF_WINDOWS, "", 40.0), (Phase.DEALLOCATE_VM, "", 60.0)]
    history = History((lab.run(lab.WARM), lab.run(down, flow="pool-pause")))
    forecast = Forecast(history, "pool-eval", lab.POOL)
    up = begun(lab.WARM, 0)
    assert forecast.expected_seconds(forecast.scenario(up), Phase.START_VM) == 50.0
    ending = [*lab.spans(lab.WARM), Span(lab.WORKER, Phase.DEALLOCATE_VM, lab.START)]
    assert forecast.expected_seconds(forecast.scenario(ending), Phase.DEALLOCATE_VM) == 60.0
    assert forecast.pool_seconds_left(live(*up), lab.START) is None


def test_a_phase_takes_too_long_only_once_it_does_on_every_way_that_is_open() -> None:
    slow, quick = [lab.run(lab.COLD, factor=2)] * FEWEST_RUNS, [lab.run(lab.WARM)] * FEWEST_RUNS
    forecast = Forecast(History((*quick, *slow)), "pool-create", lab.POOL)
    assert forecast.p95_seconds(begun(lab.WARM, 5), Phase.WAIT_FOR_WAA) == 100.0
    assert forecast.p95_seconds(begun(lab.COLD, 0), Phase.WAIT_FOR_WAA) == 200.0


def test_too_few_runs_say_nothing_of_what_is_too_long() -> None:
    forecast = Forecast(HISTORY, "pool-create", lab.POOL)
    assert forecast.p95_seconds(begun(lab.COLD, 0), Phase.CREATE_VM) is None
