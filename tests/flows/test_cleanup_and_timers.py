from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import Flow, flow
from prefect.concurrency.asyncio import concurrency
from world import World, states_of_runs

from flows.auto_pause import auto_pause
from flows.pool_cleanup import pool_cleanup
from flows.pool_create import pool_create
from flows.pool_extend import pool_extend
from flows.pool_pause import pool_pause
from flows.pool_resume import pool_resume
from local_azure import control
from tasks.guarding import look_after_pools
from vmpool import naming, tags
from vmpool.errors import NotFoundError, PermanentError, UsageError, VmPoolError
from vmpool.guest.keys import new_host_key
from vmpool.model import Phase


def address_path(world: World, name: str) -> str:
    return f"{world.path}/providers/Microsoft.Network/publicIPAddresses/{name}"


def put_address(world: World, name: str, **written: str) -> None:
    """Somebody's address."""
    world.raw.do("PUT", world.path, {"location": "eastus"}, api="2021-04-01")
    body = {
        "location": "eastus",
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
        "tags": {key.replace("_", "-"): value for key, value in written.items()},
    }
    world.raw.do("PUT", address_path(world, name), body)


async def test_cleanup_removes_everything_of_the_pool_and_nothing_else(world: World) -> None:
    """Also the address that an interrupted create left; never what only lies beside it."""
    await world.run(pool_create)
    pool_id = world.tags(0)[tags.POOL_ID]
    left = f"{world.worker(7)}-ip"
    put_address(world, left, waa_pool=world.pool, waa_pool_id=pool_id, waa_worker=world.worker(7))
    put_address(world, "somebodys")
    put_address(world, "neighbours", waa_pool=f"{world.pool}x", waa_pool_id="x", waa_worker="x")
    run = await world.run(pool_cleanup)
    assert run.status["state"] == "absent"
    assert world.parts() == {"somebodys", "neighbours"}


async def test_what_carries_the_pools_name_without_an_id_is_left_and_named(world: World) -> None:
    put_address(world, "signed", waa_pool=world.pool, waa_pool_id="x", waa_worker=world.worker(0))
    put_address(world, "unsigned", waa_pool=world.pool, waa_worker=world.worker(0))
    run = await world.run(pool_cleanup)
    assert "unsigned" in str(run.error)
    assert world.parts() == {"unsigned"}


async def test_cleanup_of_what_does_not_exist_says_how_to_make_it(world: World) -> None:
    run = await world.run(pool_cleanup)
    assert isinstance(run.error, NotFoundError)
    assert f"oa-vm pool-create --pool {world.pool}" in str(run.error)


async def test_resume_of_parts_without_a_worker_says_what_completes_it(world: World) -> None:
    put_address(world, f"{world.worker(0)}-ip", waa_pool=world.pool, waa_pool_id="x")
    run = await world.run(pool_resume)
    assert isinstance(run.error, NotFoundError)
    assert "pool-create" in str(run.error)


@pytest.mark.parametrize("flow", [pool_cleanup, pool_pause, pool_create])
async def test_a_pool_with_two_ids_is_not_touched(ready: World, flow: Flow[..., Any]) -> None:
    put_address(ready, "strange", waa_pool=ready.pool, waa_pool_id="another")
    before = ready.parts()
    run = await ready.run(flow)
    assert isinstance(run.error, PermanentError)
    assert "2 different pool ids" in str(run.error)
    assert ready.parts() == before
    assert ready.power(0) == "running"
    ready.raw.do("DELETE", address_path(ready, "strange"))


async def test_a_vm_whose_tags_cannot_be_read_is_left_alone(ready: World) -> None:
    ready.retag(0, waa_intent="nonsense")
    run = await ready.run(pool_pause)
    assert f"{ready.worker(0)} has no readable waa tags" in str(run.error)
    assert (ready.power(0), ready.power(1)) == ("running", "deallocated")
    ready.retag(0, waa_intent="ready")


async def test_another_host_key_than_the_recorded_one_is_not_our_machine(ready: World) -> None:
    """Nothing is run on it, nothing is tried again."""
    right = ready.tags(0)[tags.HOST_KEY]
    ready.retag(0, waa_host_key=new_host_key().public_line)
    run = await ready.run(pool_resume)
    ready.retag(0, waa_host_key=right)
    assert "another SSH host key" in str(run.error)
    assert run.tries(ready.worker(0), Phase.WAIT_FOR_SSH) == 1
    assert "prepare-docker" not in run.phases(ready.worker(0))
    assert (ready.power(0), ready.power(1)) == ("running", "running")  # left as it was found


async def test_extend_moves_the_deadline_of_every_worker(ready: World) -> None:
    latest = datetime(2199, 1, 1, tzinfo=UTC)  # the clock is fast: an earlier one could pass
    for index, moment in enumerate((latest, latest - timedelta(hours=1))):
        ready.retag(index, waa_auto_pause_at=tags.format_time(moment))
    run = await ready.run(pool_extend, hours=3)
    after = {tags.parse_time(ready.tags(i)[tags.AUTO_PAUSE_AT]) for i in range(2)}
    assert after == {latest + timedelta(hours=3)}
    assert run.status["auto_pause_at"] == tags.format_time(latest + timedelta(hours=3))


async def test_extend_of_a_paused_pool_says_what_to_do_instead(ready: World) -> None:
    await ready.run(pool_pause)
    run = await ready.run(pool_extend, hours=3)
    assert isinstance(run.error, UsageError)
    assert f"oa-vm pool-resume --pool {ready.pool} --auto-pause-hours 3" in str(run.error)


@flow(name="looking")
async def looking() -> list[str]:
    """The first step of auto-pause alone."""
    return await look_after_pools()


async def test_auto_pause_pauses_what_is_due_and_only_that(ready: World) -> None:
    """On the cloud's clock. A due pool that can't be paused holds up no other, and is told."""
    other = World(ready.state_dir, ready.raw, ready.group, f"{ready.pool}b")
    third = World(ready.state_dir, ready.raw, ready.group, f"{ready.pool}c")
    await asyncio.gather(other.run(pool_create), third.run(pool_create, auto_pause_hours=20))
    looked = await ready.run(looking)
    assert set(looked.result) <= {other.pool}
    put_address(other, "strange", waa_pool=other.pool, waa_pool_id="another")
    control.ask(ready.raw.status, "POST", "/_local/clock", {"advance": 20 * 3600})
    with (
        ready.environment(),
        pytest.raises(VmPoolError, match=f"of . not paused: {other.pool}: .*2 different pool ids"),
    ):
        await auto_pause()
    assert [item.power(0) for item in (ready, other, third)] == [
        "running",
        "running",
        "deallocated",
    ]


async def test_auto_pause_leaves_a_pool_that_is_worked_on_to_its_next_run(world: World) -> None:
    """It doesn't wait for it: its own schedule would wait with it."""
    await world.run(pool_create)
    world.retag(0, waa_auto_pause_at="2020-01-01T00:00:00Z")
    name = naming.lock_name(world.pool)
    with world.environment():
        async with asyncio.timeout(30), concurrency(name, strict=True, lease_duration=60):
            assert await auto_pause() == [world.pool]
        assert world.power(0) == "running"
        await auto_pause()
    assert world.power(0) == "deallocated"
    assert await states_of_runs(f"pool-pause {world.pool}") == ["Completed"]


async def test_a_pause_of_what_is_due_does_nothing_about_a_pool_that_is_gone(world: World) -> None:
    run = await world.run(pool_pause, only_if_due=True)
    assert run.status["state"] == "absent"
