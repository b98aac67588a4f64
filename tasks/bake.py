"""The bake: a builder VM brought to where its disk is worth keeping, an image, and its proof.

Builder and canary are the workers of a pool of their own. So they carry a timer from the request
that creates them, `pool-status` and `pool-cleanup` know them, and the pool's lock keeps two bakes
apart.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from prefect.logging import get_run_logger

from tasks import guests, images, machines
from tasks.capacity import find_capacity
from tasks.docker_image import made_of
from tasks.guests import built_image
from tasks.operation import look
from tasks.reconcile import create_somewhere, docker_inside, inside
from tasks.session import current
from vmpool import naming
from vmpool.errors import PermanentError, VmPoolError
from vmpool.golden import Image, ImageState
from vmpool.imaging import surplus
from vmpool.model import Phase, Place, PoolSpec, WindowsState
from vmpool.naming import BAKE_POOL
from vmpool.plan import plan_cleanup

BUILDER, CANARY = naming.worker_name(BAKE_POOL, 0), naming.worker_name(BAKE_POOL, 1)


async def build(spec: PoolSpec, *, with_windows: bool) -> Place:
    """Bring the builder to where its disk is worth keeping.

    Args:
        spec: where it may go.
        with_windows: whether Windows is installed too, and powered off in order.

    Returns:
        Where it is.

    Raises:
        PermanentError: Windows left no marker: the image would install it again.
    """
    place = (await find_capacity(BUILDER, spec, (BUILDER,)))[BUILDER]
    place = await create_somewhere(BUILDER, spec, place, inside if with_windows else docker_inside)
    if with_windows:
        windows = await guests.power_off_windows(BUILDER)
        if windows is not WindowsState.OFF:
            raise PermanentError(f"{BUILDER}: Windows is {windows} after its power-off, not off")
    return place


async def capture(place: Place, *, with_windows: bool) -> Image:
    """Make the builder's disk fit, and an image of it.

    Args:
        place: where the builder is.
        with_windows: what the image's tags say of it.

    Returns:
        The image, a candidate.
    """
    session = current()
    now = session.clock.now()
    described = Image(
        name=naming.image_name(now),
        resource_id="",
        region=place.region,
        size_gb=session.settings.os_disk_gb,
        state=ImageState.CANDIDATE,
        created_at=now,
        docker_image=built_image(session),
        has_windows=with_windows,
    )
    wanted = await made_of(BUILDER, described)
    await images.clean_disk(BUILDER)
    await images.deprovision(BUILDER)
    await images.scan_disk(BUILDER)
    session.drop_shell(BUILDER)
    await machines.deallocate_vm(BUILDER)
    await images.generalize_vm(BUILDER)
    made: Image = await images.capture_image(BUILDER, wanted)
    return made


async def prove(spec: PoolSpec, image: Image, place: Place) -> int:
    """Bring a canary from the image to ready.

    Args:
        spec: the bake's.
        image: the candidate.
        place: size and region to try first.

    Returns:
        Cloud seconds from create to ready.
    """
    session = current()
    from_image = replace(spec, image=image, regions=(image.region,))
    await create_somewhere(CANARY, from_image, place, inside)
    spans = [span for span in session.recorder.spans if span.worker == CANARY]
    began = max(span.started for span in spans if span.phase is Phase.CREATE_VM)
    return round((session.clock.now() - began).total_seconds())


async def clear() -> None:
    """Remove what this or an interrupted bake made but an image: VMs, their parts, the network.

    Raises:
        VmPoolError: something is left; it is said what.
    """
    session = current()
    for worker in (BUILDER, CANARY):
        session.drop_shell(worker)
    observed = await look(session)
    names = [action.worker for action in plan_cleanup(observed)]
    await asyncio.gather(*(machines.delete_worker(name) for name in names))
    if not observed.is_absent:
        await machines.delete_network(session.pool)


async def drop_candidates() -> None:
    """Delete what a killed bake captured and nobody proved."""
    for image in await images.our_images():
        if image.state is ImageState.CANDIDATE:
            await images.delete_image(image.name)


async def prune(region: str) -> None:
    """Delete what a region no longer needs; a failure costs cents and is the next bake's to mend.

    Args:
        region: Azure region.
    """
    for image in surplus(await images.our_images(), region):
        try:
            await images.delete_image(image.name)
        except VmPoolError as error:
            get_run_logger().warning("Image %s could not be deleted: %s", image.name, error)


async def discard(image: Image | None) -> None:
    """Delete a candidate that was not proved; the current image stays what it is."""
    if image is None:
        return
    try:
        await images.drop_image(image.name)
    except VmPoolError as error:
        get_run_logger().error("Image %s could not be deleted: %s", image.name, error)
