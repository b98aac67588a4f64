from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from world import World, states_of_runs

from flows.auto_pause import auto_pause
from flows.pool_create import pool_create
from flows.pool_pause import pool_pause
from local_azure import control
from tasks import session
from vmpool import tags
from vmpool.errors import CloudUnreachableError


async def test_azure_lost_half_way_is_said_and_nothing_is_called_paused(
    lonely_world: Callable[..., World],
) -> None:
    """Neither the pause nor anything after it may claim to know what runs."""
    world = lonely_world()
    await world.run(pool_create)
    world.hurt(0, "windows-frozen")
    pausing = asyncio.create_task(world.run(pool_pause))
    await world.until(lambda: world.tags(0)[tags.INTENT] == "pause")
    await asyncio.to_thread(control.stop, world.state_dir / "azure")
    assert isinstance((await pausing).error, CloudUnreachableError)
    assert isinstance((await world.run(pool_pause)).error, CloudUnreachableError)


async def test_azure_lost_in_the_middle_of_a_create_leaves_unknown_what_runs(
    lonely_world: Callable[..., World],
) -> None:
    """The guest, which goes with it, is what fails first; then it can't be taken back either."""
    world = lonely_world(speed=800)
    creating = asyncio.create_task(world.run(pool_create))
    await world.until(lambda: world.vm(0) and world.tags(0)[tags.WINDOWS] == "booting")
    await asyncio.to_thread(control.stop, world.state_dir / "azure")
    error = (await creating).error
    assert isinstance(error, CloudUnreachableError)
    assert "what runs now is unknown" in str(error)


async def cancel_when(world: World, is_time: Callable[[], bool]) -> None:
    """Begin a create and cancel it at a moment."""
    running = asyncio.create_task(world.run(pool_create, workers=1))
    await world.until(is_time)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_create_that_is_cancelled_leaves_timers_and_is_completed_by_the_next(
    world: World,
) -> None:
    await cancel_when(world, lambda: world.power(0) == "running")
    world.check_timers()
    before = world.vm(0)
    run = await world.run(pool_create, workers=1)
    after = world.vm(0)
    assert before
    assert after
    assert run.status["state"] == "ready"
    assert after["properties"]["vmId"] == before["properties"]["vmId"]


async def test_a_create_that_is_cancelled_before_any_vm_is_completed_by_the_next(
    world: World,
) -> None:
    await cancel_when(world, lambda: f"{world.worker(0)}-ip" in world.parts())
    run = await world.run(pool_create, workers=1)
    assert run.status["state"] == "ready"
    mine = {name for name in world.parts() if name.startswith(world.worker(0))}
    assert mine == {world.worker(0), *(f"{world.worker(0)}-{part}" for part in ("ip", "nic", "os"))}


async def test_a_pause_that_is_cut_off_is_ended_by_the_next_auto_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if a worker that it had nothing to do on bears a deadline that is far away."""
    monkeypatch.setattr(session, "SHORTEST_LIMIT_WALL_SECONDS", 60.0)
    await world.run(pool_create, workers=2, auto_pause_hours=48)
    world.do(1, "deallocate")
    world.retag(1, waa_windows="off")
    world.hurt(0, "windows-frozen")
    pausing = asyncio.create_task(world.run(pool_pause))
    await world.until(lambda: world.tags(0)[tags.INTENT] == "pause")
    with world.environment():
        assert await auto_pause() == [world.pool]
    states = await states_of_runs(f"pool-pause {world.pool}")
    assert states == ["Running"], "left to the pause that is going on"
    pausing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pausing
    assert world.power(0) == "running"
    world.hurt(0, "windows-frozen", off=True)
    with world.environment():
        await auto_pause()
    assert world.power(0) == "deallocated"


async def test_a_request_on_its_way_when_its_worker_is_given_up_leaves_no_vm(
    world: World,
) -> None:
    """The create is refused for a while; meanwhile the worker is given up."""
    world.fault(
        kind="throttle",
        method="PUT",
        path=f"virtualMachines/{world.pool}",
        retry_after=4.5 * world.raw.status.speed,
        times=1,
    )
    run = await world.run(pool_create)
    assert "SSH of" in str(run.error)
    creates = [r for r in world.requests() if r["method"] == "PUT" and r["path"].endswith("-00")]
    assert [r["status"] for r in creates] == [429, 201], "it arrived after all"
    assert world.parts() == set()
