"""The bake: a builder VM brought to where its disk is worth keeping, an image, and its proof.

Builder and canary are the workers of a pool of their own. So they carry a timer from the request
that creates them, `pool-status` and `pool-cleanup` know them, and the pool's lock keeps two bakes
apart.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from prefect.logging import get_run_logger

from tasks import deletion, evidence, guests, images, machines
from tasks.capacity import find_capacity, list_offers
from tasks.docker_image import made_of
from tasks.guests import built_image
from tasks.operation import look
from tasks.reconcile import create_somewhere, docker_inside, inside
from tasks.session import current
from vmpool import naming
from vmpool.arm.images import with_resource_id
from vmpool.errors import NotFoundError, PermanentError, UsageError, VmPoolError
from vmpool.golden import BARE, Image, ImageKind, ImageState
from vmpool.imaging import surplus
from vmpool.model import Phase, Place, PoolSpec, WindowsState
from vmpool.naming import BAKE_POOL
from vmpool.plan import plan_cleanup

BUILDER, CANARY = naming.worker_name(BAKE_POOL, 0), naming.worker_name(BAKE_POOL, 1)


async def check_regions() -> None:
    """Refuse a region that does not exist before anything is built for it.

    Raises:
        UsageError: one of `WAA_IMAGE_REGIONS` is none.
    """
    session = current()
    wanted = session.settings.image_regions
    if session.settings.image_kind is not ImageKind.GALLERY or not wanted:
        return
    offers = await list_offers(session.cloud.subscription_id, wanted)
    unknown = sorted(set(wanted) - {offer.place.region for offer in offers})
    if unknown:
        raise UsageError(f"WAA_IMAGE_REGIONS: no region {', '.join(unknown)}: is it spelled right?")


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
        await require_windows_off(BUILDER)
    return place


async def require_windows_off(builder: str) -> None:
    """Power a worker's Windows off in order.

    Args:
        builder: the worker.

    Raises:
        PermanentError: Windows left no marker: a VM of this disk would install it again.
    """
    windows = await guests.power_off_windows(builder)
    if windows is not WindowsState.OFF:
        raise PermanentError(f"{builder}: Windows is {windows} after its power-off, not off")


async def candidate(builder: str, place: Place, *, with_windows: bool, source: str = BARE) -> Image:
    """The image that a worker's disk is to become.

    Args:
        builder: the worker.
        place: where it is.
        with_windows: what the image's tags say of it.
        source: likewise.
    """
    session, now = current(), current().clock.now()
    kind, wanted = session.settings.image_kind, session.settings.image_regions
    is_replicated = kind is ImageKind.GALLERY
    described = Image(
        name=naming.image_name(now),
        resource_id="",
        region=place.region,
        size_gb=session.settings.os_disk_gb,
        state=ImageState.CANDIDATE,
        created_at=now,
        docker_image=built_image(session),
        has_windows=with_windows,
        source=source,
        kind=kind,
        replicated_to=tuple(r for r in wanted if r != place.region) if is_replicated else (),
    )
    return await made_of(builder, with_resource_id(session.cloud, described))


async def capture(builder: str, image: Image) -> Image:
    """Make a worker's disk fit, and an image of it. The worker is of no more use.

    Args:
        builder: the worker.
        image: the candidate.

    Returns:
        The image as Azure has it.
    """
    await images.clean_disk(builder, with_windows=image.has_windows)
    await images.deprovision(builder)
    await images.scan_disk(builder)
    current().drop_shell(builder)
    await machines.deallocate_vm(builder)
    await images.generalize_vm(builder)
    made: Image = await images.capture_image(builder, image)
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
        await evidence.seen(worker)
        session.drop_shell(worker)
    observed = await look(session)
    names = [action.worker for action in plan_cleanup(observed)]
    await asyncio.gather(*(deletion.delete_worker(name) for name in names))
    if not observed.is_absent:
        await deletion.delete_network(session.pool)


async def drop_candidates() -> None:
    """Delete what a killed bake captured and nobody proved, and what failed."""
    for image in await images.our_images():
        if image.state in (ImageState.CANDIDATE, ImageState.FAILED):
            await images.delete_image(image.name, image)


async def prune(newest: Image) -> None:
    """Delete what is no longer needed; a failure costs cents and is the next bake's to mend.

    Args:
        newest: the image that was just promoted.
    """
    for image in surplus(await images.our_images(), newest):
        try:
            await images.delete_image(image.name, image)
        except VmPoolError as error:
            get_run_logger().warning("Image %s could not be deleted: %s", image.name, error)


async def discard(image: Image | None) -> None:
    """Delete a candidate that was not proved; the current image stays what it is.

    It is marked first: one that can't be deleted now must not look like one to be used.
    """
    if image is None:
        return
    try:
        await images.mark_failed(image)
    except NotFoundError:
        pass  # Azure did not begin to make it, or does not show it yet
    except VmPoolError as error:
        get_run_logger().warning("Image %s could not be marked as failed: %s", image.name, error)
    try:
        await images.drop_image(image)
    except VmPoolError as error:
        get_run_logger().error("Image %s could not be deleted: %s", image.name, error)
