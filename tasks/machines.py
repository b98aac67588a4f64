"""Phases on Azure's side: network, create, start, deallocate. Each looks before it acts."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import anyio

from tasks import ledgers, marks, server_guard
from tasks.phase import phase_task
from tasks.session import Session, current
from vmpool import lifetime, naming, tags
from vmpool.arm import machines, network
from vmpool.arm.machines import CreateVm, Operation
from vmpool.arm.network import WorkerNetwork
from vmpool.golden import Image
from vmpool.guest import cloud_init
from vmpool.guest.keys import ensure_client_key
from vmpool.model import (
    Intent,
    Phase,
    Place,
    PowerState,
    WindowsState,
    Worker,
    WorkerTags,
)
from vmpool.scenario import image_note

OPERATION_SECONDS = 1200.0
"""Cloud seconds for one operation on a VM: create takes 68-144 s (p50, p90), 300 by hand."""

DONE_WALL_SECONDS = 0.05
"""Between looks at whether the SDK's own polling has ended; asks nobody."""

MOVING = (
    PowerState.CREATING,
    PowerState.STARTING,
    PowerState.STOPPING,
    PowerState.DEALLOCATING,
)
"""Power states that Azure leaves by itself."""


@phase_task(Phase.CREATE_NETWORK)
async def create_network(worker: str, place: Place) -> WorkerNetwork:
    """The pool's network in the region and the worker's NIC and static IP; kept if already there.

    Args:
        worker: worker name.
        place: where it goes.
    """
    session = current()
    asked = asyncio.ensure_future(ledgers.prices_of(place.size, place.region))
    source = await session.call(network.caller_address, session.cloud)
    pool_network = await session.call(
        network.ensure_pool_network,
        session.cloud,
        session.pool,
        session.pool_id,
        place.region,
        source,
    )
    prices = await asked
    return await session.call(
        network.ensure_worker_network,
        session.cloud,
        session.pool,
        session.pool_id,
        worker,
        pool_network,
        place.region,
        prices,
    )


@phase_task(Phase.CREATE_VM)
async def create_vm(
    worker: str, place: Place, nic_id: str, auto_pause_hours: float, image: Image | None = None
) -> None:
    """Create the VM with its timer already in its tags, and wait until Azure calls it done.

    Args:
        worker: worker name.
        place: size and region.
        nic_id: its network interface.
        auto_pause_hours: cloud hours until auto-pause.
        image: golden image that is in the region, None for bare Ubuntu.

    Raises:
        CapacityError: no capacity or quota there.
    """
    session = current()
    bare = await session.call(_create_request, session, worker, place, nic_id, auto_pause_hours)
    session.regions[worker] = place.region
    written = bare.tags | await _opened_books(worker, place)
    request = replace(bare, image_id=image.resource_id if image else "", tags=written)
    if image:
        note = image_note(image.name, has_windows=image.has_windows)
        session.recorder.note(worker, Phase.CREATE_VM, note)
    operation = await session.commit(machines.begin_create, session.cloud, request)
    watch = asyncio.ensure_future(ledgers.watch_power_on(worker))
    due = tags.parse_time(written[tags.AUTO_PAUSE_AT]) or session.clock.now()
    try:
        async with server_guard.arming(worker, place.region, due):
            await finish(session, operation)
    finally:
        watch.cancel()
    await marks.note(worker)


async def _opened_books(worker: str, place: Place) -> dict[str, str]:
    """The tags of what a new VM costs and has cost."""
    prices = await ledgers.prices_of(place.size, place.region)
    return {tags.PRICES: prices.encode(), tags.LEDGER: ledgers.opened(worker).encode()}


def _create_request(
    session: Session, worker: str, place: Place, nic_id: str, auto_pause_hours: float
) -> CreateVm:
    settings, now = session.settings, session.clock.now()
    host_key = session.host_keys[worker]
    written = WorkerTags(
        pool=session.pool,
        pool_id=session.pool_id,
        worker=worker,
        intent=Intent.CREATE,
        intent_at=now,
        auto_pause_at=lifetime.deadline(now, auto_pause_hours),
        windows=WindowsState.ABSENT,
        host_key=host_key.public_line,
    )
    return CreateVm(
        name=worker,
        place=place,
        nic_id=nic_id,
        os_disk_name=naming.os_disk_name(worker),
        os_disk_gb=settings.os_disk_gb,
        admin_username=settings.admin_username,
        ssh_public_key=ensure_client_key(settings.key_file),
        user_data=cloud_init.user_data(settings, host_key),
        tags=tags.encode(written),
    )


async def finish(
    session: Session, operation: Operation, within_seconds: float = OPERATION_SECONDS
) -> None:
    """Wait for an operation that Azure has accepted, `within_seconds` of the cloud.

    In short naps, not in a thread that waits: a thread would hold up a cancelled run, and the end
    of the program, until Azure is done.
    """
    deadline = time.monotonic() + session.wall_limit(within_seconds)
    while not operation.is_done() and time.monotonic() < deadline:  # noqa: ASYNC110 # SDK: no event
        await anyio.sleep(DONE_WALL_SECONDS)
    await session.call(operation.wait, DONE_WALL_SECONDS)


@phase_task(Phase.START_VM)
async def start_vm(worker: str, auto_pause_hours: float) -> None:
    """Re-arm the timer, then start; waits first while the VM is still on its way down.

    Args:
        worker: worker name.
        auto_pause_hours: cloud hours until auto-pause.

    Raises:
        BusyError: another operation is running on the VM.
        CapacityError: Azure has no room for this size now; its disk stays where it is.
    """
    session = current()
    before = ledgers.starting(worker)
    await marks.mark(worker, Intent.RESUME, auto_pause_hours=auto_pause_hours)
    operation = await session.commit(machines.begin_start, session.cloud, worker)
    due = lifetime.deadline(session.clock.now(), auto_pause_hours)
    async with server_guard.arming(worker, session.regions[worker], due):
        await finish(session, operation)
    ledgers.started(worker, before)


@phase_task(Phase.DEALLOCATE_VM)
async def deallocate_vm(worker: str) -> None:
    """Deallocate: compute is no longer billed, the OS disk and the address stay.

    Args:
        worker: worker name.
    """
    session = current()
    operation = await session.commit(machines.begin_deallocate, session.cloud, worker)
    await finish(session, operation)
    ledgers.deallocated(worker)
    await marks.note(worker)
    await server_guard.disarm(worker)


async def admit_caller(worker: str) -> None:
    """Let our present address use SSH: whoever resumes may be elsewhere than who created.

    Args:
        worker: worker name; one request per region serves all of them.
    """
    session = current()
    source = await session.insist(network.caller_address, session.cloud)
    await session.insist(
        network.ensure_pool_network,
        session.cloud,
        session.pool,
        session.pool_id,
        session.regions[worker],
        source,
    )


async def settled(worker: str) -> Worker | None:
    """The worker once Azure is no longer moving it; None if it is gone.

    Raises:
        PhaseTimeoutError: it keeps moving.
    """
    session = current()

    async def check() -> tuple[Worker | None] | None:
        found = {item.name: item for item in await session.workers_now()}
        mine = found.get(worker)
        return None if mine and mine.power_state in MOVING else (mine,)

    (mine,) = await session.until(
        check, every_seconds=10, within_seconds=OPERATION_SECONDS, what=f"rest of {worker}"
    )
    return mine
