"""ready_pool, for flows of one's own: ready and held inside the block, paused after it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect import Flow, flow, get_client, task
from prefect.client.schemas.objects import FlowRun
from prefect.states import Crashed, Running
from prefect.variables import Variable
from world import World

from flows.auto_pause import auto_pause
from flows.pool_create import pool_create
from flows.ready_pool import ReadyWorker, paused_after, ready_pool
from tasks.credentials import connected
from tasks.handover import pause_abandoned
from tasks.leases import holder_of
from vmpool import tags
from vmpool.arm.leasing import take
from vmpool.errors import CloudUnreachableError, LockedError, VmPoolError
from vmpool.naming import lock_name

HOURS = 48
PAGE = Path(__file__).parents[2] / "docs" / "evals.md"


@pytest.fixture(autouse=True)
def patient(world: World) -> None:
    """12 hours of lease are 10 seconds here, and 15 minutes a fifth of one."""
    world.variables["WAA_LEASE_MAX_HOURS"] = str(HOURS)
    world.variables["WAA_LEASE_MINUTES"] = "120"


@task
async def look_on() -> None:
    """What a flow calls."""


def is_leased(world: World, index: int = 0) -> bool:
    return any(name.startswith("waa-lease") for name in world.tags(index))


async def test_inside_the_block_workers_answer_and_are_held_and_after_it_they_are_paused(
    world: World,
) -> None:
    seen: list[ReadyWorker] = []

    @flow
    async def mine(pool: str) -> None:
        async with ready_pool(pool, workers=2, auto_pause_hours=HOURS) as workers:
            seen.extend(workers)
            for worker in workers:
                async with httpx.AsyncClient(base_url=worker.endpoint, trust_env=False) as waa:
                    assert (await waa.get("/probe")).status_code == 200
                    assert (await waa.get("/screenshot")).content.startswith(b"\x89PNG")
                async with httpx.AsyncClient(base_url=worker.desktop, trust_env=False) as desktop:
                    assert (await desktop.get("/")).status_code == 200
            assert await asyncio.to_thread(is_leased, world)

    run = await world.run(mine)
    assert run.state.is_completed()
    async with get_client() as client:
        assert f"pool:{world.pool}" in (await client.read_flow_run(run.id)).tags
    assert [(worker.name, worker.index) for worker in seen] == [
        (world.worker(0), 0),
        (world.worker(1), 1),
    ]
    assert [world.power(i) for i in (0, 1)] == ["deallocated"] * 2
    assert not is_leased(world)
    with pytest.raises(httpx.ConnectError):
        await asyncio.to_thread(httpx.get, seen[0].endpoint, trust_env=False)


async def test_a_block_that_fails_leaves_the_pool_paused_and_the_flow_failed(world: World) -> None:
    @flow
    async def mine(pool: str) -> None:
        async with ready_pool(pool, auto_pause_hours=HOURS):
            raise RuntimeError("no good")

    run = await world.run(mine)
    assert str(run.error) == "no good"
    assert world.power(0) == "deallocated"
    assert not is_leased(world)


async def test_a_block_that_is_cancelled_leaves_the_pool_paused(world: World) -> None:
    entered = asyncio.Event()

    @flow
    async def mine(pool: str) -> None:
        async with ready_pool(pool, auto_pause_hours=HOURS):
            entered.set()
            await asyncio.sleep(600)

    running = asyncio.create_task(world.run(mine))
    await asyncio.wait_for(entered.wait(), 60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert world.power(0) == "deallocated"


async def test_two_runs_of_one_flow_do_not_share_a_pool(world: World) -> None:
    """The first one to end would pause it under the other."""
    entered, done = asyncio.Event(), asyncio.Event()

    @flow(flow_run_name="the same")
    async def mine(pool: str) -> None:
        async with ready_pool(pool, auto_pause_hours=HOURS):
            entered.set()
            await done.wait()

    first = asyncio.create_task(world.run(mine))
    await asyncio.wait_for(entered.wait(), 60)
    second = await world.run(mine)
    assert isinstance(second.error, LockedError)
    assert world.power(0) == "running"
    done.set()
    assert (await first).state.is_completed()
    assert world.power(0) == "deallocated"


async def test_a_pool_that_somebody_else_has_taken_meanwhile_is_left_to_them(world: World) -> None:
    """Heartbeats had failed for longer than the lease reached."""
    before: list[str] = []

    @flow
    async def mine(pool: str) -> None:
        async with ready_pool(pool, auto_pause_hours=HOURS):
            before.append((await asyncio.to_thread(world.tags, 0))[tags.AUTO_PAUSE_AT])
            # At once: a heartbeat between a release and a take would have the lease again.
            await asyncio.to_thread(world.retag, 0, waa_lease_holder="somebody else")

    run = await world.run(mine)
    assert run.state.is_completed()
    assert world.tags(0)[tags.LEASE_HOLDER] == "somebody else"
    assert [world.tags(0)[tags.AUTO_PAUSE_AT]] == before
    assert world.power(0) == "running"


async def test_a_run_that_fails_before_it_holds_the_pool_leaves_it_to_who_does(
    world: World,
) -> None:
    await world.run(pool_create, auto_pause_hours=HOURS)
    before = world.tags(0)[tags.AUTO_PAUSE_AT]

    @flow
    async def mine(pool: str) -> None:
        cloud = await connected()
        await asyncio.to_thread(take, cloud, pool, "somebody else")
        async with paused_after(pool, is_wanted=True):
            raise CloudUnreachableError("the first question failed")

    assert isinstance((await world.run(mine)).error, CloudUnreachableError)
    assert world.tags(0)[tags.AUTO_PAUSE_AT] == before
    assert world.power(0) == "running"


async def test_a_pool_whose_pause_at_the_end_fails_is_due_and_auto_pause_has_it(
    world: World,
) -> None:
    no: dict[str, Any] = {"status": 403, "code": "AuthorizationFailed"}

    @flow
    async def mine(pool: str) -> None:
        async with ready_pool(pool, auto_pause_hours=HOURS):
            path = f"{world.worker(0)}/deallocate"
            await asyncio.to_thread(world.fault, kind="error", method="POST", path=path, **no)

    assert isinstance((await world.run(mine)).error, VmPoolError)
    assert world.power(0) == "running"
    world.raw.clear_faults()
    await world.run(auto_pause)
    assert world.power(0) == "deallocated"


def dying_with_the_lease(sign: Callable[[FlowRun], str]) -> Flow[..., Any]:
    """A flow after which the hook is called for another run of it, and the pool is held.

    Args:
        sign: who holds it, given that run.
    """

    @flow
    async def dying(pool: str) -> None:
        async with get_client() as client:
            others = await client.create_flow_run(dying, parameters={"pool": pool})
        cloud = await connected()
        await asyncio.to_thread(take, cloud, pool, sign(others))
        await pause_abandoned(dying, others, Crashed())

    return dying


async def test_what_a_dead_run_holds_is_let_go_and_due_at_once(world: World) -> None:
    await world.run(pool_create, auto_pause_hours=HOURS)
    # The hook is told an older name than the one that the run signed with.
    await world.run(dying_with_the_lease(lambda run: holder_of("as its flow names it", run.id)))
    assert not is_leased(world)
    await world.run(auto_pause)
    assert world.power(0) == "deallocated"


@pytest.mark.parametrize("is_last", [True, False])
async def test_a_pool_that_a_dead_run_was_creating_is_due_unless_somebody_held_it_since(
    world: World, *, is_last: bool
) -> None:
    """While it is created it has no lease."""
    created = await world.run(pool_create, auto_pause_hours=HOURS)

    @flow
    async def dying(pool: str) -> None:
        async with get_client() as client:
            others = await client.create_flow_run(dying, parameters={"pool": pool})
            call = await client.create_task_run(look_on, others.id, "0", state=Running())
            cut_off = await client.create_flow_run(
                pool_create, parameters={"pool": pool}, parent_task_run_id=call.id, state=Running()
            )
        last = cut_off.id if is_last else created.id
        await Variable.aset(lock_name(pool), {"run": str(last)}, overwrite=True)
        await pause_abandoned(dying, others, Crashed())

    await world.run(dying)
    await Variable.aunset(lock_name(world.pool))
    await world.run(auto_pause)
    assert world.power(0) == ("deallocated" if is_last else "running")


async def test_what_somebody_else_holds_is_left_alone_by_a_dead_run(world: World) -> None:
    await world.run(pool_create, auto_pause_hours=HOURS)
    await world.run(dying_with_the_lease(lambda _: "somebody else"))
    assert is_leased(world)
    await world.run(auto_pause)
    assert world.power(0) == "running"


async def test_the_example_in_the_documentation_runs(world: World, tmp_path: Path) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    example: dict[str, Any] = {"__name__": "example"}
    exec(compile(source, PAGE.name, "exec"), example)  # noqa: S102 # our own page
    mine = next(item for item in example.values() if isinstance(item, Flow) and item.name == "mine")
    run = await world.run(mine, folder=str(tmp_path), workers=2)
    assert run.result == {world.worker(0): "mine-0.png", world.worker(1): "mine-1.png"}
    assert all((tmp_path / name).read_bytes() for name in run.result.values())
    assert [world.power(i) for i in (0, 1)] == ["deallocated"] * 2
