"""What runs leave for the next: kept and read back through a real Prefect server."""

from __future__ import annotations

import json
from typing import Any

import lab_of_runs as lab
import pytest
from prefect import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from world import Run, World

from flows.pool_create import pool_create
from flows.pool_pause import pool_pause
from flows.pool_resume import pool_resume
from tasks.history import RUNS, read_history
from vmpool import history
from vmpool.history import stored
from vmpool.model import Phase
from vmpool.timing import OVER


@pytest.fixture(scope="module")
def runs(shared_world: World) -> list[Run]:
    """A pool that was created, paused and resumed."""
    return [shared_world.run_now(flow) for flow in (pool_create, pool_pause, pool_resume)]


async def keep(run: history.Run, key: str, times: int) -> None:
    """Write a run down as if it had ended so many times."""
    table = ArtifactCreate(key=key, type="table", data=json.dumps(stored(run)))
    async with get_client() as client:
        for _ in range(times):
            await client.create_artifact(table)


async def artifacts(key: str, run: Run) -> list[Any]:
    async with get_client() as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        found = await client.read_artifacts(artifact_filter=wanted, limit=50)
    return [item for item in found if item.flow_run_id == run.id]


@pytest.mark.usefixtures("runs")
async def test_runs_are_read_back_newest_first_with_their_ways(shared_world: World) -> None:
    found = await read_history(pool=shared_world.pool)
    assert [run.scenario for run in found.runs] == ["warm", "pool-pause", "cold"]
    assert all(run.is_whole for run in found.runs)


async def test_a_run_read_back_took_what_it_took(runs: list[Run], shared_world: World) -> None:
    (kept,) = (await read_history(1, shared_world.pool)).runs
    spans = [span for span in runs[-1].spans if span.ended]
    assert len(kept.spans) == len(spans)
    seen = {(span.worker, span.phase): span.seconds for span in spans}
    read = {(span.worker, span.phase): span.seconds for span in kept.spans}
    assert read == pytest.approx(seen, abs=0.001)


async def test_more_than_a_page_is_read() -> None:
    """Fifty come at once."""
    await keep(lab.run(lab.HOT), "many-timings", 52)
    assert len((await read_history(60, "many")).runs) == 52
    assert len((await read_history(51, "many")).runs) == 51


async def test_a_run_leaves_one_progress_artifact_that_ends_at_hundred(
    runs: list[Run], shared_world: World
) -> None:
    for run, flow in zip(runs, ("pool-create", "pool-pause", "pool-resume"), strict=True):
        (bar,) = await artifacts(f"{shared_world.pool}-progress", run)
        assert (bar.type, float(bar.data), bar.description) == ("progress", 100.0, f"{flow} done")


@pytest.mark.usefixtures("runs")
async def test_what_took_longer_than_before_is_marked_in_the_table(shared_world: World) -> None:
    """The last fifty pauses took no time at all."""
    steps = [(Phase.POWER_OFF_WINDOWS, "", 0.001), (Phase.DEALLOCATE_VM, "", 0.001)]
    await keep(lab.run(steps, flow="pool-pause"), "quick-timings", RUNS)
    run = await shared_world.run(pool_pause)
    (table,) = await artifacts(f"{shared_world.pool}-timings", run)
    outcomes = {row["phase"]: row["outcome"] for row in json.loads(table.data)}
    assert outcomes == dict.fromkeys(("power-off-windows", "deallocate-vm"), f"{OVER}; done")
