"""A pool's own worker as what a golden image is made of: quick to bake, and used up by it."""

from __future__ import annotations

from tasks import bake, deletion, guests, marks
from tasks.operation import look, operation
from tasks.session import current
from vmpool.arm.machines import list_workers
from vmpool.errors import NotFoundError, PermanentError
from vmpool.golden import Image
from vmpool.model import Intent, Place, PowerState, Worker


async def take_worker(name: str, *, with_windows: bool) -> tuple[Place, Image]:
    """Make a candidate of a worker's disk, and delete the worker: it would never start again.

    Up to the cleaning of its disk a failure leaves the worker to its pool, Windows powered off.

    Args:
        name: worker name.
        with_windows: whether its Windows goes into the image.

    Returns:
        Where it was, and the image.

    Raises:
        NotFoundError: no such worker.
        PermanentError: it does not run, or its Windows can't be powered off in order.
    """
    async with operation(await _pool_of(name)) as session:
        worker = _running((await look(session)).workers, name)
        await guests.wait_for_ssh(name)
        await bake.require_windows_off(name)
        image = await bake.candidate(name, worker.place, with_windows=with_windows, source=name)
        # Killed from here on, it is a worker whose deletion began: the pool makes a new one of it.
        await marks.mark(name, Intent.DELETE)
        try:
            return worker.place, await bake.capture(name, image)
        except BaseException:
            await bake.discard(image)  # what Azure has begun to make of it bills
            raise
        finally:
            await deletion.delete_worker(name)


async def _pool_of(name: str) -> str:
    session = current()
    found = await session.insist(list_workers, session.cloud)
    pools = [worker.tags.pool for worker in found if worker.name == name and worker.tags]
    if not pools:
        raise NotFoundError(f"no worker {name!r} of ours: oa-vm pool-status shows a pool's workers")
    return pools[0]


def _running(workers: tuple[Worker, ...], name: str) -> Worker:
    for worker in workers:
        if worker.name == name and worker.power_state is PowerState.RUNNING:
            return worker
    raise PermanentError(f"{name} does not run: oa-vm pool-resume brings its pool up first")
