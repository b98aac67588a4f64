"""Pools that lie paused for weeks, and what nobody owns; the clock is moved on by days."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from webhook import Webhook
from world import World

from flows.idle_cleanup import idle_cleanup
from flows.image_create import image_create
from flows.image_push import image_push
from flows.pool_cleanup import pool_cleanup
from flows.pool_create import pool_create
from flows.pool_keep import pool_keep
from flows.pool_pause import pool_pause
from flows.pool_resume import pool_resume
from local_azure import control
from tasks.locking import pool_lock
from vmpool import tags


@pytest.fixture
def calm(lonely_world: Callable[..., World]) -> World:
    """A world of its own: the sweep is about all that is in a group."""
    return lonely_world()


def advance(world: World, **length: float) -> None:
    seconds = timedelta(**length).total_seconds()
    control.ask(world.raw.status, "POST", "/_local/clock", {"advance": seconds})


async def sweep(world: World, **parameters: Any) -> dict[str, Any]:
    run = await world.run(idle_cleanup, **parameters)
    return run.status


async def verdict(world: World, **parameters: Any) -> str:
    """What the sweep says of the world's pool; "gone" without one."""
    found = {item["pool"]: item["action"] for item in (await sweep(world, **parameters))["pools"]}
    return found.get(world.pool, "gone")


async def paused(world: World) -> None:
    await world.run(pool_create, auto_pause_hours=48)
    assert (await world.run(pool_pause)).status["state"] == "paused"


async def test_a_paused_pool_is_warned_of_announced_and_deleted_with_all_that_bills(
    calm: World, webhook: Webhook
) -> None:
    """A dry run says the same and changes nothing. Who is warned is told what keeps the pool."""
    await paused(calm)
    assert await verdict(calm) == "leave"
    advance(calm, days=7)
    assert await verdict(calm, dry_run=True) == "warn"
    assert await verdict(calm) == "warn"
    assert await verdict(calm) == "leave", "once a day"
    advance(calm, days=6.5)
    assert await verdict(calm) == "warn-of-deletion"
    assert tags.DELETION_WARNED_AT in calm.tags(0)
    advance(calm, hours=12)  # the other twelve pass in eleven seconds of a busy machine
    assert await verdict(calm) == "leave"
    advance(calm, hours=13)
    assert await verdict(calm, dry_run=True) == "delete"
    assert calm.parts()
    assert await verdict(calm) == "delete"
    assert calm.parts() == set()
    assert calm.rates() == {}
    idle, last = await webhook.about(calm.pool, 2)
    assert idle["subject"].startswith(f"Pool {calm.pool}: has been paused for 7.")
    assert last["subject"].startswith(f"Pool {calm.pool}: is deleted after 20")
    for message in (idle, last):
        assert f"To keep it: oa-vm pool-keep --pool {calm.pool}" in message["body"]


async def test_a_pool_nobody_looked_after_for_weeks_still_gets_its_day(calm: World) -> None:
    await paused(calm)
    advance(calm, days=40)
    assert await verdict(calm) == "warn-of-deletion"
    assert await verdict(calm) == "leave"
    assert calm.power(0) == "deallocated"


async def test_a_resume_in_between_begins_anew(calm: World) -> None:
    await paused(calm)
    advance(calm, days=13.5)
    assert await verdict(calm) == "warn-of-deletion"
    await calm.run(pool_resume, auto_pause_hours=48)
    advance(calm, hours=25)
    assert await verdict(calm) == "leave"
    await calm.run(pool_pause)
    advance(calm, days=2)
    assert await verdict(calm) == "leave"
    assert calm.power(0) == "deallocated"


async def baked_and_pushed(world: World) -> set[str]:
    """A golden image, and a registry that a running pool has pushed to; the names of both."""
    baked, _ = await asyncio.gather(
        world.run(image_create, with_windows=False), world.run(pool_create, auto_pause_hours=48)
    )
    pushed = await world.run(image_push)
    return {baked.status["images"][0]["name"], pushed.status["registry"]["name"]}


async def test_after_cleanups_the_meters_rate_is_exactly_that_of_what_is_kept_on_purpose(
    calm: World,
) -> None:
    """One pool is cleaned up while it runs, one is deleted as idle; one is kept, as told."""
    done, kept = replace(calm, pool="done"), replace(calm, pool="kept")
    shared, *_ = await asyncio.gather(baked_and_pushed(done), paused(calm), paused(kept))
    assert (await kept.run(pool_keep)).status["state"] == "paused"
    before = calm.rates()
    rest = {name: usd for name, usd in before.items() if not name.startswith(done.pool)}
    rates = {name: usd for name, usd in rest.items() if not name.startswith(calm.pool)}
    assert set(rates) == {"kept-00-os", "kept-00-ip"} | shared
    assert (await done.run(pool_cleanup)).status["state"] == "absent"
    assert calm.rates() == rest
    advance(calm, days=15)
    assert await verdict(calm) == "warn-of-deletion"
    advance(calm, days=1)
    assert await verdict(calm) == "delete"
    assert calm.rates() == rates
    assert calm.raw.meter()["usd_per_hour"] == sum(rates.values())
    await kept.run(pool_keep, keep=False)
    assert await verdict(kept) == "warn-of-deletion"


async def test_a_pool_that_was_resumed_while_the_sweep_waited_is_not_deleted(calm: World) -> None:
    await paused(calm)
    run = await calm.run(pool_cleanup, only_if_idle=True)
    assert run.status["state"] == "paused"
    assert calm.power(0) == "deallocated"


def put_part(world: World, kind: str, name: str, properties: Any, **written: str) -> str:
    """Something of somebody's; its id."""
    world.raw.do("PUT", world.path, {"location": "eastus"}, api="2021-04-01")
    path = f"{world.path}/providers/Microsoft.{kind}/{name}"
    body = {
        "location": "eastus",
        "sku": {"name": "Standard" if "IP" in kind else "Premium_LRS"},
        "properties": properties,
        "tags": {key.replace("_", "-"): value for key, value in written.items()},
    }
    world.raw.do("PUT", path, body)
    return path


def put_address(world: World, name: str, **written: str) -> str:
    properties = {"publicIPAllocationMethod": "Static"}
    return put_part(world, "Network/publicIPAddresses", name, properties, **written)


def mine(pool: str, worker: str = "", pool_id: str = "gone") -> dict[str, str]:
    written = {"waa_pool": pool, "waa_pool_id": pool_id}
    return written | ({"waa_worker": worker} if worker else {})


async def orphans(world: World, **parameters: Any) -> dict[str, str]:
    """What the sweep does about resources, by their names."""
    found = (await sweep(world, **parameters))["orphans"]
    return {item["id"].rpartition("/")[2]: item["action"] for item in found}


async def test_what_nobody_owns_is_removed_by_the_second_run_that_sees_it(calm: World) -> None:
    """Of every kind; what is foreign, damaged or of a living pool stays."""
    await calm.run(pool_create, auto_pause_hours=48)
    left = mine("old", "old-00")
    put_address(calm, "old-00-ip", **left)
    disk = {"creationData": {"createOption": "Empty"}, "diskSizeGB": 8}
    put_part(calm, "Compute/disks", "old-00-os", disk, **left)
    put_part(calm, "Network/networkSecurityGroups", "old-nsg", {}, **mine("old"))
    space = {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}
    put_part(calm, "Network/virtualNetworks", "old-vnet", space, **mine("old"))
    put_address(calm, "somebodys")
    put_address(calm, "damaged", waa_pool="old")
    living = calm.tags(0)[tags.POOL_ID]
    put_address(calm, "spare", **mine(calm.pool, calm.worker(7), living))
    before = calm.parts()
    gone = {"old-00-ip", "old-00-os", "old-nsg", "old-vnet"}
    reported = {"damaged": "report", "spare": "report"}
    assert await orphans(calm, dry_run=True) == dict.fromkeys(gone, "note") | reported
    assert await orphans(calm) == dict.fromkeys(gone, "note") | reported
    assert calm.parts() == before
    advance(calm, hours=1)
    assert await orphans(calm) == dict.fromkeys(gone, "remove") | reported
    assert calm.parts() == before - gone


async def test_what_a_running_create_has_made_so_far_is_not_judged(calm: World) -> None:
    put_address(calm, "new-00-ip", **mine("new", "new-00"))
    assert await orphans(calm) == {"new-00-ip": "note"}
    advance(calm, hours=1)
    async with pool_lock("new", 10):
        assert await orphans(calm) == {"new-00-ip": "wait"}
    assert "new-00-ip" in calm.parts()


async def test_the_daily_timer_of_a_vm_that_was_deleted_by_hand_is_removed(calm: World) -> None:
    calm.variables["WAA_SERVER_DEADLINE"] = "devtestlab"
    calm.variables["WAA_SERVER_GRACE_MINUTES"] = "240"
    await calm.run(pool_create, auto_pause_hours=18)
    schedules = f"{calm.path}/providers/Microsoft.DevTestLab/schedules"
    (timer,) = calm.raw.get(schedules, api="2018-09-15")["value"]
    assert timer["tags"]["waa-worker"] == calm.worker(0)
    calm.raw.do("DELETE", calm.vm_path(0))
    await orphans(calm)
    advance(calm, hours=1)
    await orphans(calm)
    assert calm.raw.get(schedules, api="2018-09-15")["value"] == []
    assert calm.parts() == set()
