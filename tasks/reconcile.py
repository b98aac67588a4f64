"""The one idea: bring each worker to ready by the shortest path from where it stands.

One coroutine per worker and no barrier between them: a fast one is ready while a slow one still
boots. What fails for good takes back what it had, so that nothing bills that nobody wants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from prefect.logging import get_run_logger

from tasks import deletion, docker_image, evidence, guests, machines, marks, server_guard
from tasks.capacity import find_capacity, remember_failure
from tasks.readiness import tell_ready
from tasks.session import current
from vmpool import lifetime
from vmpool.errors import CapacityError, PermanentError, VmPoolError
from vmpool.guest.keys import new_host_key
from vmpool.imaging import image_in
from vmpool.model import Intent, Place, PoolSpec, WindowsState, Worker
from vmpool.plan import Action, Verb, plan_up

Inside = Callable[[str], Coroutine[Any, Any, None]]
"""The phases inside a VM, given the worker's name."""


@dataclass(frozen=True)
class Outcome:
    """What became of one worker.

    Attributes:
        worker: worker name.
        failure: why it failed, None if it did not.
        cleaned: whether what a failed worker had was removed or deallocated.
        trouble: why that could not be done, None if it was done or not tried.
    """

    worker: str
    failure: Exception | None = None
    cleaned: bool = True
    trouble: Exception | None = None

    @property
    def is_ok(self) -> bool:
        """Whether the worker reached its goal."""
        return self.failure is None

    @property
    def error(self) -> str:
        """One line if it failed, else ""."""
        if self.failure is None:
            return ""
        kept = "" if self.cleaned else ", may still be billed"
        return f"{self.failure or type(self.failure).__name__}{kept}"


async def each(
    actions: Sequence[Action], step: Callable[[Action], Awaitable[Outcome]]
) -> tuple[Outcome, ...]:
    """Run a step for every worker at once; one worker's failure is its outcome, not the others'.

    Cancelled, all are cancelled, and none outlives the operation and its lock.
    """

    async def run(action: Action) -> Outcome:
        return await step(action)

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(run(action)) for action in actions]
    return tuple(task.result() for task in running)


async def bring_up(action: Action, spec: PoolSpec, place: Place | None) -> Outcome:
    """Bring one worker to ready.

    Args:
        action: where it stands.
        spec: what the pool shall be.
        place: where to create it, None if it exists.
    """
    if action.verb is Verb.LEAVE:
        return left_alone(action)
    try:
        action = await until_still(action, plan_up)
        await _reach_ready(action, spec, place)
    except Exception as error:  # noqa: BLE001 # a bug of ours must not let a VM bill unseen either
        log_failure(f"{action.worker} failed", error)
        return await _take_back(Outcome(action.worker, error), action)
    tell_ready(action.worker, current().addresses[action.worker])
    return Outcome(action.worker)


def left_alone(action: Action) -> Outcome:
    """What becomes of a worker that is reported, not touched."""
    failure = PermanentError(f"{action.worker} {action.reason}")
    return Outcome(action.worker, failure, cleaned=False)


def log_failure(what: str, error: Exception) -> None:
    """One line for what we know; the traceback of what nobody foresaw."""
    is_known = isinstance(error, VmPoolError)
    get_run_logger().error("%s: %s", what, error, exc_info=None if is_known else error)


async def until_still(action: Action, plan: Callable[[str, Worker | None], Action]) -> Action:
    """What Azure is still moving is waited for and planned again."""
    while action.verb is Verb.WAIT:
        action = plan(action.worker, await machines.settled(action.worker))
    return action


async def _reach_ready(action: Action, spec: PoolSpec, place: Place | None) -> None:
    worker = action.worker
    if action.verb is Verb.RECREATE:
        await deletion.delete_worker(worker)
    if action.verb in (Verb.CREATE, Verb.RECREATE):
        if place is None:
            place = (await find_capacity(worker, spec, (worker,)))[worker]
        await create_somewhere(worker, spec, place, inside)
    elif action.verb is Verb.START:
        await machines.admit_caller(worker)
        await _together(machines.start_vm(worker, spec.auto_pause_hours), inside(worker))
    else:
        await marks.mark(worker, auto_pause_hours=spec.auto_pause_hours)
        await machines.admit_caller(worker)
        due = lifetime.deadline(current().clock.now(), spec.auto_pause_hours)
        await _together(server_guard.rearm(worker, due), inside(worker))
    await marks.mark(worker, Intent.READY, windows=WindowsState.READY)


async def create_somewhere(worker: str, spec: PoolSpec, place: Place, then: Inside) -> Place:
    """Create in the first place that has room; a failed place is remembered, never tried again.

    Args:
        worker: worker name.
        spec: where it may go, and from which image.
        place: where to try first.
        then: the phases inside.

    Returns:
        Where it went.
    """
    tried: list[Place] = []
    while True:
        try:
            await _create_in(worker, spec, place, then)
        except CapacityError as error:
            get_run_logger().warning("%s: %s; trying the next place", worker, error)
            await deletion.delete_worker(worker)
            await remember_failure(place)
            tried.append(place)
            found = await find_capacity(worker, spec, (worker,), tuple(tried))
            place = found[worker]
        else:
            return place


async def _create_in(worker: str, spec: PoolSpec, place: Place, then: Inside) -> None:
    """Create while already waiting for SSH and going on inside: Azure's operation ends later."""
    session = current()
    network = await machines.create_network(worker, place)
    host_key = session.host_keys[worker] = new_host_key()  # the next place's VM is another one
    session.set_address(worker, network.ip, host_key.public_line)
    image = image_in(spec, place.region)
    create = partial(
        machines.create_vm, worker, place, network.nic_id, spec.auto_pause_hours, image
    )
    async with session.turns.taken(image) as turn:
        await _together(turn.until_done(create), then(worker))


async def _together(*steps: Coroutine[Any, Any, Any]) -> None:
    """Run steps at once; the first failure cancels the others and is raised as it is.

    Azure's create and start operations end after sshd has opened: what is inside need not wait.
    Of two failures at once a lack of capacity counts: it has a cure.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except ExceptionGroup as failures:
        full = [error for error in failures.exceptions if isinstance(error, CapacityError)]
        raise (full or failures.exceptions)[0] from failures


async def inside(worker: str) -> None:
    """The phases inside a VM that has power, until the WAA server answers."""
    await docker_inside(worker)
    current().booted.add(worker)
    await marks.note(worker, windows=WindowsState.BOOTING)
    await guests.start_waa(worker)
    await guests.wait_for_waa(worker)
    await guests.open_tunnel(worker)


async def docker_inside(worker: str) -> None:
    """The phases inside a VM that has power, until the Docker image is there."""
    await guests.wait_for_ssh(worker)
    await guests.prepare_docker(worker)
    await docker_image.pull_image(worker)
    await docker_image.build_image(worker)


async def _take_back(failed: Outcome, action: Action) -> Outcome:
    """Remove a worker that never was ready; deallocate one that holds a Windows disk.

    One that ran before we came is left running: what we could not do says little about it, it may
    be in use, and its timer is armed.

    Returns:
        The outcome, cleaned if it no longer bills compute; else it is said loudly, and its timer
        stays armed.
    """
    worker = action.worker
    await evidence.seen(worker)
    current().drop_shell(worker)  # a cancelled pull would hold the connection for its whole time
    try:
        if not action.has_data:
            await deletion.delete_worker(worker)
            return failed
        if action.verb is Verb.CHECK:
            return replace(failed, cleaned=False)
        if worker in current().booted:
            await power_off(worker)
        await machines.deallocate_vm(worker)
    except Exception as error:  # noqa: BLE001 # what failed is one worker, whatever it was
        log_failure(f"{worker} may still be billed", error)
        return replace(failed, cleaned=False, trouble=error)
    return failed


async def power_off(worker: str) -> None:
    """Windows off in order if it obeys; if not, it is deallocated as it is."""
    try:
        windows = await guests.power_off_windows(worker)
    except Exception as error:  # noqa: BLE001 # nothing at all may hold the deallocation up
        get_run_logger().warning("%s: Windows was not powered off in order: %s", worker, error)
        windows = WindowsState.UNKNOWN
    await marks.note(worker, windows=windows)


async def attempted(worker: str, step: Coroutine[Any, Any, Any], failed: str) -> Outcome:
    """Do one thing to one worker that exists; a failure is its outcome.

    Args:
        worker: worker name.
        step: what is done.
        failed: what the log says of the worker if that fails.
    """
    try:
        await step
    except Exception as error:  # noqa: BLE001 # what failed is one worker, whatever it was
        log_failure(f"{worker} {failed}", error)
        return Outcome(worker, error, cleaned=False)
    return Outcome(worker)
