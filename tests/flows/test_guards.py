"""The guards of running pools: auto-pause, Azure's own timers, leases, warnings before a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from prefect import flow, get_client
from webhook import Webhook
from world import World

from flows.auto_pause import auto_pause
from flows.pool_create import pool_create
from flows.pool_extend import pool_extend
from flows.pool_pause import pool_pause
from flows.pool_resume import pool_resume
from flows.pool_status import pool_status
from local_azure import control
from tasks.leases import Held, lease
from vmpool import tags
from vmpool.errors import LockedError
from vmpool.guards import ServerTimer, TimerKind

HOURS = 24
GRACE = timedelta(minutes=240)
"""The clock runs fast and SSH does not: auto-pause needs as much."""


@pytest.fixture
def timed(lonely_world: Callable[..., World]) -> World:
    """A slower world in which Azure's own timers are set."""
    world = lonely_world(speed=600)
    world.variables = {"WAA_SERVER_GRACE_MINUTES": "240"}
    return world


async def create(world: World) -> None:
    run = await world.run(pool_create, auto_pause_hours=HOURS)
    assert run.status["state"] == "ready"


def due(world: World) -> datetime:
    """The deadline in the first worker's tags."""
    found = tags.parse_time(world.tags(0)[tags.AUTO_PAUSE_AT])
    assert found
    return found


def timer(world: World) -> ServerTimer:
    found = tags.decode_timer(world.tags(0).get(tags.SERVER_TIMER))
    assert found
    return found


def now(world: World) -> datetime:
    shown = control.ask(world.raw.status, "GET", "/_local/clock")["now"]
    return datetime.fromtimestamp(shown, tz=due(world).tzinfo)


def advance_to(world: World, moment: datetime) -> None:
    ahead = (moment - now(world)).total_seconds()
    control.ask(world.raw.status, "POST", "/_local/clock", {"advance": ahead})


async def guard(world: World) -> Any:
    with world.environment():
        return await auto_pause(return_state=True)


async def events(world: World, what: str) -> list[dict[str, Any]]:
    """Events of the world's pool that the server has."""
    about = {"id": [f"waa.pool.{world.pool}"]}
    wanted = {"event": {"name": [f"waa.pool.{what}"]}, "resource": about}
    async with get_client() as client:
        for _ in range(100):
            answer = await client._client.post("/events/filter", json={"filter": wanted})
            found: list[dict[str, Any]] = answer.json()["events"]
            if found:
                return found
            await asyncio.sleep(0.1)
    return []


async def test_a_pool_forgotten_while_prefect_runs_is_paused_in_order(timed: World) -> None:
    """Azure's own timer comes later and finds nothing to do; it is taken back."""
    await create(timed)
    assert timer(timed).at
    advance_to(timed, due(timed) - timedelta(hours=2))
    await guard(timed)
    assert timed.power(0) == "running"
    advance_to(timed, due(timed))
    await guard(timed)
    assert timed.power(0) == "deallocated"
    assert timed.tags(0)[tags.WINDOWS] == "off"
    assert timer(timed) == ServerTimer(TimerKind.NONE)


async def test_a_pool_forgotten_while_prefect_is_dead_is_deallocated_by_azure(
    timed: World,
) -> None:
    """And when Prefect is back, the status says that Windows may have to be installed anew."""
    await create(timed)
    at = timer(timed).at
    assert at
    assert due(timed) + GRACE <= at <= due(timed) + GRACE + timedelta(minutes=1)
    advance_to(timed, at + timedelta(minutes=2))
    assert timed.power(0) == "deallocated"
    assert "compute" not in str(sorted(timed.rates()))
    assert (await guard(timed)).is_completed()
    status = (await timed.run(pool_pause)).status
    assert status["state"] == "paused"
    assert status["workers"][0]["windows"] == "unknown"
    assert any("may reinstall" in text for text in status["warnings"])
    since = tags.parse_time(status["paused_since"])
    assert since
    assert at <= since <= at + timedelta(minutes=2)  # its deallocation took a moment


async def test_the_timer_is_moved_by_extend_taken_back_by_pause_and_set_by_resume(
    timed: World,
) -> None:
    await create(timed)
    first = timer(timed)
    extended = (await timed.run(pool_extend, hours=5)).status
    assert timer(timed).ids[0] != first.ids[0]
    assert extended["server_deadline_at"] == tags.format_time(timer(timed).at or due(timed))
    assert timer(timed).at >= due(timed) + GRACE  # type: ignore[operator]
    await timed.run(pool_pause)
    assert timer(timed).at is None
    resumed = (await timed.run(pool_resume, auto_pause_hours=HOURS)).status
    assert resumed["server_deadline_at"]
    advance_to(timed, due(timed) - timedelta(hours=1))
    assert timed.power(0) == "running", "no timer from before the pause acts"


async def test_timers_that_azure_refuses_fail_no_create_and_are_told(timed: World) -> None:
    for path in ("Microsoft.ComputeSchedule", "Microsoft.DevTestLab"):
        timed.fault(kind="error", path=path, status=403, code="AuthorizationFailed")
    run = await timed.run(pool_create, auto_pause_hours=HOURS)
    assert run.status["state"] == "ready"
    assert run.status["server_deadline_at"] is None
    (warning,) = run.status["warnings"]
    assert "no timer on Azure's side (AuthorizationFailed" in warning


async def test_a_coming_pause_is_told_once_with_the_command_that_puts_it_off(
    timed: World, webhook: Webhook
) -> None:
    """As an event, and in a message to the notification block."""
    await create(timed)
    advance_to(timed, due(timed) - timedelta(minutes=29))
    pause_at = tags.format_time(due(timed))
    await guard(timed)
    await guard(timed)
    (told,) = await events(timed, "pause_due")
    assert told["payload"]["extend_with"] == f"oa-vm pool-extend --pool {timed.pool}"
    assert timed.tags(0)[tags.WARNED_OF] == pause_at
    (message,) = await webhook.about(timed.pool)
    assert message["subject"] == f"Pool {timed.pool}: is paused at {pause_at}"
    assert f"To put it off: oa-vm pool-extend --pool {timed.pool}" in message["body"]


@flow(name="evaluate")
async def evaluate(pool: str, holder: str, work: Callable[[Held], Any]) -> None:
    """Work on a pool under a lease."""
    async with lease(pool, holder) as held:
        await work(held)


async def test_a_running_eval_keeps_the_pool_and_its_end_lets_it_go(timed: World) -> None:
    """Also Azure's own timer waits."""
    timed.variables["WAA_LEASE_MAX_HOURS"] = "48"
    await create(timed)

    async def work(held: Held) -> None:
        advance_to(timed, due(timed) + timedelta(minutes=1))
        await timed.until(lambda: held.lease.until > due(timed), "a heartbeat")
        await guard(timed)
        assert timed.power(0) == "running"
        assert (timer(timed).at or due(timed)) > held.lease.until

    with timed.environment():
        await evaluate(timed.pool, "run a", work)
    assert tags.LEASE_HOLDER not in timed.tags(0)
    await guard(timed)
    assert timed.power(0) == "deallocated"


async def test_a_lease_is_given_back_also_by_an_eval_that_fails(timed: World) -> None:
    await create(timed)

    async def work(_: Held) -> None:
        assert timed.tags(0)[tags.LEASE_HOLDER] == "run a"
        with pytest.raises(LockedError, match="run a works on the pool"):
            await evaluate(timed.pool, "run b", work)
        raise ZeroDivisionError

    with timed.environment(), pytest.raises(ZeroDivisionError):
        await evaluate(timed.pool, "run a", work)
    assert tags.LEASE_HOLDER not in timed.tags(0)


async def test_nothing_is_left_of_a_lease_at_whatever_moment_its_eval_is_cancelled(
    ready: World,
) -> None:
    """Also while it is being taken: Azure writes what is on its way, whoever still waits for it."""
    begun = asyncio.Event()

    async def work(_: Held) -> None:
        begun.set()
        await asyncio.sleep(60)

    async def cancelled_after(seconds: float) -> None:
        begun.clear()
        running = asyncio.ensure_future(evaluate(ready.pool, "run a", work))
        await ready.until(lambda: begun.is_set() or is_listed(), "its first request")
        await asyncio.sleep(seconds)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    def is_listed() -> bool:
        return any(request["method"] == "GET" for request in ready.requests())

    with ready.environment():
        for hundredths in range(12):
            ready.forget_requests()
            await cancelled_after(hundredths / 100)
            written = [tags.LEASE_HOLDER in ready.tags(index) for index in range(2)]
            assert written == [False, False], f"after {hundredths} hundredths of a second"


async def test_a_heartbeat_that_fails_for_a_while_ends_no_work(timed: World) -> None:
    await create(timed)

    async def work(held: Held) -> None:
        timed.fault(kind="unreachable", path="virtualMachines", times=8)
        before = held.lease.until
        await timed.until(lambda: held.lease.until > before + timedelta(hours=1), "a heartbeat")
        assert not held.is_lost.is_set()

    with timed.environment():
        await evaluate(timed.pool, "run a", work)


async def test_the_lease_of_a_dead_eval_runs_out(timed: World) -> None:
    await create(timed)
    begin = now(timed)
    timed.retag(
        0,
        waa_lease_holder="run a",
        waa_lease_since=tags.format_time(begin),
        waa_lease_until=tags.format_time(due(timed) + timedelta(hours=2)),
        waa_lease_ends=tags.format_time(due(timed) + timedelta(hours=9)),
    )
    advance_to(timed, due(timed) + timedelta(minutes=10))
    await guard(timed)
    assert timed.power(0) == "running"
    advance_to(timed, due(timed) + timedelta(hours=2))
    await guard(timed)
    assert timed.power(0) == "deallocated"


async def test_a_lease_that_lasts_too_long_is_lost_and_the_pool_paused(timed: World) -> None:
    timed.variables["WAA_LEASE_MAX_HOURS"] = "26"
    await create(timed)

    async def work(held: Held) -> None:
        advance_to(timed, held.lease.ends)
        await asyncio.wait_for(held.is_lost.wait(), 20)
        await guard(timed)
        assert timed.power(0) == "deallocated"

    with timed.environment():
        await evaluate(timed.pool, "run a", work)


@pytest.mark.parametrize("kind", ["computeschedule", "devtestlab"])
async def test_what_a_pool_cost_that_azures_timer_ended_is_exact_once_the_log_is_whole(
    timed: World, kind: str
) -> None:
    """Nobody of ours saw it; until the log is whole the truth lies within what is said."""
    timed.variables |= {"WAA_SERVER_DEADLINE": kind, "WAA_SERVER_GRACE_MINUTES": "0"}
    assert (await timed.run(pool_create, auto_pause_hours=20)).status["state"] == "ready"
    _, of_its_create = await cost_beside_meter(timed)  # looks at it are far apart at this speed
    acts_at = timer(timed).at
    assert acts_at
    advance_to(timed, acts_at + timedelta(minutes=5))
    off, unsure = await cost_beside_meter(timed)
    assert off <= unsure + 0.01
    advance_to(timed, acts_at + timedelta(hours=1))
    off, unsure = await cost_beside_meter(timed)
    assert off <= unsure + 0.01
    assert unsure <= of_its_create + 0.001
    assert timed.power(0) == "deallocated"


async def cost_beside_meter(world: World) -> tuple[float, float]:
    """By how much the pool's cost is off, in USD, and by how much it is said that it may be."""
    cost = (await world.run(pool_status)).status["cost"]
    charged = sum(r["usd"] for r in world.raw.meter()["resources"] if r["pool"] == world.pool)
    return abs(cost["total_usd"] - charged), cost["uncertain_usd"]
