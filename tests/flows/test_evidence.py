"""What a run leaves of a guest on which something went wrong, for whoever has no shell."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import lab_of_runs as lab
import pytest
from png_reader import read_png
from prefect import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from world import Run, World

from flows.pool_create import pool_create
from flows.pool_pause import pool_pause
from local_azure.control import LocalAzureError
from tasks.history import RUNS
from vmpool import tags
from vmpool.history import stored
from vmpool.model import Phase

FROZEN, NO_SSH = 0, 1
MOST_DELAY_SECONDS = 4.0
"""Wall seconds; a look that nobody answers would take twice as long."""


async def create_with_trouble(world: World) -> Run:
    """A create of two whose Windows never answers; one of them loses its SSH meanwhile."""

    def freeze(index: int) -> bool:
        try:
            world.hurt(index, "windows-frozen")
        except LocalAzureError:  # there is no VM, or it has no power yet
            return False
        return True

    async def hurt() -> None:
        for index in (FROZEN, NO_SSH):
            await world.until(partial(freeze, index))
        await world.until(lambda: world.power(NO_SSH) == "running")
        await world.until(lambda: world.tags(NO_SSH)[tags.WINDOWS] == "booting")
        world.hurt(NO_SSH, "ssh-refused")
        world.hurt(NO_SSH, "ssh-cut")

    run, _ = await asyncio.gather(world.run(pool_create, workers=2), hurt())
    return run


async def forget_runs() -> None:
    """Of runs before on the same server there may be a p95 that one of these goes over."""
    wanted = ArtifactFilter(key=ArtifactFilterKey(like_="%-timings"))
    async with get_client() as client:
        while found := await client.read_artifacts(artifact_filter=wanted, limit=200):
            await asyncio.gather(*(client.delete_artifact(artifact.id) for artifact in found))


@pytest.fixture(scope="module")
def trouble(shared_world: World) -> tuple[World, Run]:
    asyncio.run(forget_runs())
    run = asyncio.run(create_with_trouble(shared_world))
    shared_world.raw.clear_faults()
    return shared_world, run


async def artifacts(key: str, run: Run) -> list[Any]:
    async with get_client() as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        found = await client.read_artifacts(artifact_filter=wanted, limit=50)
    return [item for item in found if item.flow_run_id == run.id]


def wall_seconds_until_taken_back(world: World, run: Run, index: int) -> float:
    """From the end of the phase that failed until the worker is being deleted."""
    spans = [span for span in run.spans if span.worker == world.worker(index)]
    failed = max(span.ended for span in spans if span.ending == "failed" and span.ended)
    (taken,) = (span for span in spans if span.phase == "delete-worker" and not span.ended)
    return (taken.started - failed).total_seconds() / world.raw.status.speed


async def test_a_failed_phase_leaves_log_and_screen_of_its_moment(
    trouble: tuple[World, Run],
) -> None:
    world, run = trouble
    (found,) = await artifacts(f"{world.worker(FROZEN)}-evidence", run)
    assert "wait-for-waa failed after " in found.description
    assert found.data.startswith(f"# {found.description}")
    assert "Windows started successfully" in found.data
    assert f"oa-vm pool-logs {FROZEN} --pool {world.pool}" in found.data
    picture = re.search(r"data:image/png;base64,([^)]+)\)", found.data)
    assert picture
    assert read_png(base64.b64decode(picture[1]))[:2] == (160, 100)


async def test_the_error_and_the_timings_say_where_to_look(trouble: tuple[World, Run]) -> None:
    world, run = trouble
    where = f"see the artifact {world.worker(FROZEN)}-evidence in the Prefect UI"
    assert str(run.error).endswith(where)
    (table,) = await artifacts(f"{world.pool}-timings", run)
    assert table.description.endswith(where)


async def test_a_guest_out_of_reach_fails_as_ever_and_at_once(trouble: tuple[World, Run]) -> None:
    world, run = trouble
    lost = world.worker(NO_SSH)
    assert any("SSH of" in said for said in run.phases(lost).values())
    assert "0 of 2 workers are ready" in str(run.error)
    assert await artifacts(f"{lost}-evidence", run) == []
    assert wall_seconds_until_taken_back(world, run, NO_SSH) < MOST_DELAY_SECONDS


def test_whoever_failed_is_taken_back_all_the_same(trouble: tuple[World, Run]) -> None:
    world, _ = trouble
    assert world.parts() == set()


@pytest.fixture
async def quick_history() -> AsyncIterator[int]:
    """Runs whose Windows came up in 100 seconds, as many as are read; taken away again."""
    table = ArtifactCreate(key="quick-timings", type="table", data=json.dumps(stored(QUICK)))
    async with get_client() as client:
        kept = [await client.create_artifact(table) for _ in range(RUNS)]
        yield len(kept)
        for artifact in kept:
            await client.delete_artifact(artifact.id)


QUICK = lab.run(lab.COLD)


@pytest.fixture
async def slow(trouble: tuple[World, Run], quick_history: int) -> tuple[World, Run]:
    """A create of one that takes longer than all that is known."""
    world, _ = trouble
    assert quick_history == RUNS
    return world, await world.run(pool_create)


async def test_what_takes_too_long_is_looked_at_while_it_runs(slow: tuple[World, Run]) -> None:
    """Afterwards the screen would show what everybody's shows."""
    world, run = slow
    assert run.status["state"] == "ready"
    (found,) = await artifacts(f"{world.worker(0)}-evidence", run)
    assert re.search(r": [\w-]+ runs for [\d:]+ min, over its p95 of ", found.description)
    (table,) = await artifacts(f"{world.pool}-timings", run)
    assert f"{world.worker(0)}-evidence" in table.description


async def test_a_pause_does_not_wait_for_a_look(slow: tuple[World, Run]) -> None:
    """Windows that does not power off is looked at while its VM is deallocated already."""
    world, _ = slow
    world.hurt(0, "windows-frozen")
    run = await world.run(pool_pause)
    spans = {span.phase: span for span in run.spans if span.ended}
    off, deallocated = spans[Phase.POWER_OFF_WINDOWS], spans[Phase.DEALLOCATE_VM]
    assert (off.ending, world.power(0)) == ("failed", "deallocated")
    assert off.ended
    delay = (deallocated.started - off.ended).total_seconds() / world.raw.status.speed
    assert delay < MOST_DELAY_SECONDS
