from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prefect import flow, get_client
from prefect.concurrency.asyncio import concurrency
from prefect.flow_engine import run_flow_async
from prefect.settings import PREFECT_API_URL
from prefect.states import AwaitingRetry
from world import World, task_runs

from flows.pool_create import pool_create
from flows.pool_extend import pool_extend
from flows.pool_pause import pool_pause
from tasks import session
from tasks.locking import held_pools, pool_lock
from vmpool import naming, tags
from vmpool.arm import pipeline
from vmpool.errors import LockedError
from vmpool.model import Phase


async def test_two_operations_on_one_pool_exclude_each_other(world: World) -> None:
    """The second waits and then finds a ready pool; nothing is done twice."""
    first, second = await asyncio.gather(world.run(pool_create), world.run(pool_create))
    assert first.status["state"] == second.status["state"] == "ready"
    puts = [r for r in world.requests() if r["method"] == "PUT" and r["path"].endswith("-00")]
    assert len(puts) == 1


async def test_operations_that_begin_at_the_same_moment_find_one_lock(world: World) -> None:
    inside: list[int] = []

    async def hold(pool: str, number: int) -> None:
        async with pool_lock(pool, 30):
            inside.append(number)
            await asyncio.sleep(0.01)
            assert inside.pop() == number

    @flow
    async def all_at_once(pool: str) -> None:
        await asyncio.gather(*(hold(pool, number) for number in range(3)))

    assert (await world.run(all_at_once)).state.is_completed()


@pytest.fixture
async def holding(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A create that is at work on the pool for as long as the test looks."""
    monkeypatch.setattr(session, "SHORTEST_LIMIT_WALL_SECONDS", 60.0)
    world.fault(kind="operation", operation="vm.create", resource=world.pool, mode="stuck")
    creating = asyncio.create_task(world.run(pool_create))
    await world.until(lambda: world.vm(0))
    yield world
    creating.cancel()
    await asyncio.wait([creating])


async def test_who_waits_too_long_is_told_who_holds_the_pool(holding: World) -> None:
    holding.variables["WAA_LOCK_TIMEOUT_SECONDS"] = "0.5"
    waiting = await holding.run(pool_pause)
    assert isinstance(waiting.error, LockedError)
    assert f"held by run 'pool-create {holding.pool}'" in str(waiting.error)


async def test_a_run_that_waits_for_the_pool_is_not_its_holder(holding: World) -> None:
    waiting = asyncio.create_task(holding.run(pool_extend))
    await asyncio.sleep(0.5)
    held = await held_pools()
    assert held[holding.pool].name == f"pool-create {holding.pool}"
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_holder_that_was_killed_is_not_named(world: World) -> None:
    """Its run seems to run for ever: nobody is left to say what became of it."""
    begin = "import asyncio, flows.pool_create as f; asyncio.run(f.pool_create({!r}))"
    api = str(PREFECT_API_URL.value())
    with world.environment():
        variables = {**os.environ, "PREFECT_API_URL": api, "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    world.fault(kind="operation", operation="vm.create", resource=world.pool, mode="stuck")
    with subprocess.Popen(  # noqa: ASYNC220 # ended by force, and at once
        [sys.executable, "-c", begin.format(world.pool)], env=variables, cwd=world.state_dir
    ) as process:
        await world.until(lambda: world.vm(0), "the VM", seconds=60)  # a cold start of Python too
        process.kill()
    world.variables["WAA_LOCK_TIMEOUT_SECONDS"] = "0.5"
    run = await world.run(pool_pause)
    assert isinstance(run.error, LockedError)
    assert "held by another operation" in str(run.error)


async def test_a_retried_run_goes_on_where_it_stopped(world: World) -> None:
    """As the UI's Retry does: the same flow run again. What is on the disk is Cached."""
    world.variables["WAA_WAA_READY_SECONDS"] = "1"
    run = asyncio.create_task(world.run(pool_create))
    await world.until(lambda: world.vm(0) and world.tags(0)[tags.WINDOWS] == "booting")
    await asyncio.sleep(0.3)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert world.power(0) == "running"

    async with get_client() as client:
        found = await client.read_flow_runs(limit=200)
        flow_run = next(r for r in found if r.parameters.get("pool") == world.pool)
        await client.set_flow_run_state(flow_run.id, AwaitingRetry(), force=True)
        flow_run = await client.read_flow_run(flow_run.id)
    with world.environment():
        status: Any = await run_flow_async(
            pool_create, flow_run=flow_run, parameters=flow_run.parameters
        )
    assert status["state"] == "ready"
    names = {"prepare-docker", "pull-image", "build-image"}
    cached = {
        item.name.partition(": ")[2]
        for item in await task_runs(flow_run.id, 17)
        if item.state_name == "Cached" and ": " in item.name
    }
    assert cached == names


@pytest.mark.parametrize("sdk_waits", [True, False])
async def test_what_azure_asks_to_wait_is_waited(
    ready: World, monkeypatch: pytest.MonkeyPatch, *, sdk_waits: bool
) -> None:
    """Short waits are the SDK's. Compute throttling asks for minutes: then the phase waits."""
    if not sdk_waits:
        monkeypatch.setattr(pipeline, "LONGEST_WAIT_SECONDS", 0.5)
    asked_for = 1.0 * ready.raw.status.speed
    ready.forget_requests()
    ready.fault(
        kind="throttle",
        method="POST",
        path=f"{ready.worker(0)}/deallocate",
        retry_after=asked_for,
        times=1,
    )
    run = await ready.run(pool_pause)
    path = f"{ready.worker(0)}/deallocate"
    refused, accepted = [r for r in ready.requests() if r["path"].endswith(path)]
    assert (refused["status"], accepted["status"]) == (429, 202)
    assert accepted["at"] - refused["at"] >= asked_for
    assert run.tries(ready.worker(0), Phase.DEALLOCATE_VM) == (1 if sdk_waits else 2)
    assert run.status["state"] == "paused"


async def test_a_cut_connection_costs_a_retry_not_the_worker(world: World) -> None:
    running = asyncio.create_task(world.run(pool_create))
    await world.until(lambda: world.power(0) == "running")
    for _ in range(3):
        world.hurt(0, "ssh-cut")
        await asyncio.sleep(0.15)
    assert (await running).status["state"] == "ready"


async def test_a_holder_that_is_no_run_is_not_guessed(world: World) -> None:
    name = naming.lock_name(world.pool)
    world.variables["WAA_LOCK_TIMEOUT_SECONDS"] = "0.3"
    async with get_client() as client:
        await client.upsert_global_concurrency_limit_by_name(name, 1)
    async with concurrency(name, strict=True, lease_duration=60):
        run = await world.run(pool_create)
    assert isinstance(run.error, LockedError)
    assert "held by another operation" in str(run.error)


@pytest.mark.parametrize("milliseconds", [0, 1, 2, 3, 4, 6, 8, 12, 16, 24])
async def test_a_cancellation_is_not_lost_while_the_lock_is_given_back(
    world: World, milliseconds: int
) -> None:
    held, over, went_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @flow
    async def holding(pool: str) -> None:
        async with pool_lock(pool, 5):
            held.set()
            await over.wait()
        await asyncio.sleep(0.05)
        went_on.set()

    running = asyncio.create_task(world.run(holding))
    await held.wait()
    over.set()
    await asyncio.sleep(milliseconds / 1000)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert not went_on.is_set()
