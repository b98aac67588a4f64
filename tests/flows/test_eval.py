"""pool-eval: work on each worker from when it is ready, results home, the pool paused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from world import Run, World

from flows.pool_create import pool_create
from flows.pool_eval import pool_eval
from flows.pool_resume import pool_resume
from tasks import session
from vmpool import tags
from vmpool.errors import EvalFailedError, LockedError, UsageError
from vmpool.eval_report import notes, problems
from vmpool.model import Phase

ASK = "curl -sf -m 5 -o /dev/null $WAA_ENDPOINT/probe"
HOURS = 48


@pytest.fixture
def results(world: World, tmp_path: Path) -> Path:
    """Where results go."""
    world.variables["WAA_RESULTS_DIR"] = str(tmp_path / "results")
    world.variables["WAA_LEASE_MINUTES"] = "120"  # 15 are a fifth of a second here
    world.variables["WAA_LEASE_MAX_HOURS"] = str(HOURS)  # 12 hours are 10 seconds here
    return tmp_path / "results"


async def evaluate(world: World, line: str, **parameters: Any) -> Run:
    """Run a shell's line on this machine for each unit."""
    given = {"where": "local", "auto_pause_hours": HOURS, "limit_minutes": HOURS * 60}
    return await world.run(pool_eval, command=f"sh -c '{line}'", **(given | parameters))


def failed(run: Run) -> dict[str, Any]:
    """The summary of an evaluation that is not all done."""
    assert isinstance(run.error, EvalFailedError)
    return run.error.summary


def is_running(process: str) -> bool:
    return Path(f"/proc/{process}").exists()


def summary_in(results: Path) -> dict[str, Any]:
    """The only one there."""
    (folder,) = results.iterdir()
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


def ends(summary: dict[str, Any]) -> dict[str, str]:
    return {found["unit"]: found["end"] for found in summary["results"]}


async def test_each_worker_does_its_shard_and_the_pool_is_created_and_paused(
    world: World, results: Path
) -> None:
    run = await evaluate(
        world, f"{ASK} && echo {{worker_index}}/{{num_workers}} | tee {{results}}/said", workers=2
    )
    assert ends(run.status) == {"shard-00": "done", "shard-01": "done"}
    folder = Path(run.status["folder"])
    assert folder.parent == results
    assert [(folder / f"shard-0{i}/said").read_text() for i in (0, 1)] == ["0/2\n", "1/2\n"]
    assert [(folder / f"shard-0{i}.log").read_text() for i in (0, 1)] == ["0/2\n", "1/2\n"]
    assert json.loads((folder / "summary.json").read_text()) == run.status
    assert [world.power(i) for i in (0, 1)] == ["deallocated"] * 2
    assert not any(name.startswith("waa-lease") for i in (0, 1) for name in world.tags(i))
    assert sum(worker["usd"] for worker in run.status["workers"]) == pytest.approx(
        run.status["usd"], abs=0.01
    )


@pytest.mark.usefixtures("results")
async def test_a_worker_that_got_no_shard_is_named_as_such_and_is_no_problem(world: World) -> None:
    run = await evaluate(world, ASK, workers=2, shards=1)
    (busy,) = (found["worker"] for found in run.status["results"])
    (idle,) = {world.worker(0), world.worker(1)} - {busy}
    assert notes(run.status) == [f"{idle}: no shard, the others were quicker"]
    assert problems(run.status) == []


@pytest.mark.usefixtures("results")
async def test_work_begins_on_a_worker_while_another_one_still_boots(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SHORTEST_LIMIT_WALL_SECONDS", 30.0)
    await world.run(pool_create, workers=2, auto_pause_hours=HOURS)
    world.hurt(1, "windows-frozen", seconds=16000)  # four seconds
    world.do(1, "restart")
    run = await evaluate(world, ASK, tasks=["a", "b", "c", "d"], pause_after=False)
    assert run.status["done"] == 4
    first = min(span.started for span in run.spans if span.phase is Phase.EVAL_UNIT)
    ready = max(span.ended for span in run.spans if span.phase is Phase.OPEN_TUNNEL and span.ended)
    assert first < ready


async def test_tasks_of_a_worker_that_dies_are_done_by_the_others(
    world: World, results: Path
) -> None:
    names = [f"task-{number:02d}" for number in range(12)]
    note = results.parent / "done"
    line = f"sleep 0.3; {ASK} && echo {{task}} >> {note}"
    await world.run(pool_create, workers=4, auto_pause_hours=HOURS)
    running = asyncio.create_task(evaluate(world, line, tasks=names))
    await world.until(note.exists, seconds=60)
    world.do(1, "powerOff")
    run = await running
    assert sorted(note.read_text().split()) == names
    assert ends(run.status) == dict.fromkeys(names, "done")
    lost = {worker["worker"]: bool(worker["lost"]) for worker in run.status["workers"]}
    assert lost == {world.worker(i): i == 1 for i in range(4)}
    assert [world.power(i) for i in range(4)] == ["deallocated"] * 4


@pytest.mark.usefixtures("results")
async def test_a_worker_whose_windows_is_dead_does_not_eat_the_tasks(world: World) -> None:
    await world.run(pool_create, workers=2, auto_pause_hours=HOURS)
    world.hurt(1, "windows-frozen")
    names = [f"task-{number}" for number in range(6)]
    run = await evaluate(world, f"{ASK}; code=$?; sleep 0.5; exit $code", tasks=names, min_ready=1)
    assert ends(run.status) == dict.fromkeys(names, "done")
    assert problems(run.status) == [f"{world.worker(1)} did not become ready"]
    assert sum(worker["usd"] for worker in run.status["workers"]) == pytest.approx(
        run.status["usd"], abs=0.01
    )


async def test_where_results_are_is_said_also_when_too_few_workers_become_ready(
    world: World, results: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await world.run(pool_create, workers=2, auto_pause_hours=HOURS)
    world.do(1, "deallocate")
    world.fault(kind="operation", operation="vm.start", mode="failed", code="InternalError")
    run = await evaluate(world, ASK, tasks=["a", "b"], min_ready=2)
    assert "1 of 2 workers are ready, 2 wanted" in str(run.error)
    found = summary_in(results)
    assert ends(found) == {"a": "done", "b": "done"}
    assert f"What was done by then is in {found['folder']}" in caplog.messages
    assert [world.power(i) for i in (0, 1)] == ["deallocated"] * 2


@pytest.mark.usefixtures("results")
async def test_a_command_that_fails_is_reported_and_the_others_go_on(world: World) -> None:
    run = await evaluate(world, "echo said; test {task} != b", tasks=["a", "b", "c"])
    summary = failed(run)
    assert ends(summary) == {"a": "done", "b": "failed", "c": "done"}
    assert "exit code 1" in summary["results"][1]["detail"]
    assert "1 failed" in str(run.error)
    assert world.power(0) == "deallocated"


@pytest.mark.usefixtures("results")
async def test_a_command_that_hangs_is_ended_at_its_limit(world: World) -> None:
    run = await evaluate(world, "sleep 600", limit_minutes=60)
    assert "its limit" in failed(run)["results"][0]["detail"]


async def test_what_is_not_done_when_every_worker_is_lost_is_said(
    world: World, results: Path
) -> None:
    await world.run(pool_create, auto_pause_hours=HOURS)
    note = results.parent / "begun"
    line = f"touch {note}; sleep 1; {ASK}"
    running = asyncio.create_task(evaluate(world, line, tasks=["a", "b"]))
    await world.until(note.exists, seconds=60)
    world.do(0, "powerOff")
    assert set(ends(failed(await running)).values()) == {"not done"}
    assert world.power(0) == "deallocated"


async def test_cancelled_it_ends_its_commands_and_pauses_the_pool(
    world: World, results: Path
) -> None:
    note = results.parent / "pid"
    running = asyncio.create_task(evaluate(world, f"echo $$ > {note}; sleep 600"))
    await world.until(lambda: note.exists() and note.read_text().strip(), seconds=60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not is_running(note.read_text().strip())
    assert world.power(0) == "deallocated"
    assert not any(name.startswith("waa-lease") for name in world.tags(0))
    assert ends(summary_in(results)) == {"shard-00": "not done"}


@pytest.mark.usefixtures("results")
async def test_a_pool_that_somebody_else_holds_is_left_as_it_is(world: World) -> None:
    await world.run(pool_create, auto_pause_hours=HOURS)
    far = tags.format_time(tags.parse_time(world.tags(0)[tags.AUTO_PAUSE_AT]))  # type: ignore[arg-type]
    world.retag(0, waa_lease_holder="another", waa_lease_since=far, waa_lease_until=far,
                waa_lease_ends=far)  # fmt: skip
    run = await evaluate(world, "true")
    assert isinstance(run.error, LockedError)
    assert world.power(0) == "running"


@pytest.mark.usefixtures("results")
async def test_without_pausing_the_pool_is_left_running(world: World) -> None:
    run = await evaluate(world, "true", pause_after=False)
    assert run.status["done"] == 1
    assert world.is_ready(0)
    again = await world.run(pool_resume)
    assert again.phases(world.worker(0))["start-waa"] == "was running"


async def test_results_of_an_earlier_evaluation_are_not_mixed_with_new_ones(
    world: World, results: Path
) -> None:
    (results / "mine").mkdir(parents=True)
    (results / "mine" / "old").touch()
    run = await evaluate(world, "true", results=str(results / "mine"))
    assert isinstance(run.error, UsageError)
    assert not world.vms()
