"""Phases of golden images: the disk made fit, generalized, captured, promoted, deleted."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.guests import COMMAND_SECONDS
from tasks.machines import OPERATION_SECONDS, finish
from tasks.phase import phase_task
from tasks.session import current
from vmpool import imaging, tags
from vmpool.arm import images, tagging
from vmpool.errors import PermanentError, TransientError
from vmpool.golden import Image, ImageKind, ImageState
from vmpool.guest import disk, windows
from vmpool.model import Phase

CAPTURE_SECONDS = {ImageKind.MANAGED: OPERATION_SECONDS, ImageKind.GALLERY: 6 * 3600.0}
"""Cloud seconds for an image to be made. A gallery's is copied to its regions at 1-3 % a minute, so
100 minutes are ordinary; packer's users met every limit below two hours."""
NONE_AGAIN: Sequence[float] = ()
"""After the login's key is gone a cut connection can't be mended: the bake begins anew."""


@phase_task(Phase.CLEAN_DISK, retry_delays=NONE_AGAIN)
async def clean_disk(worker: str, *, with_windows: bool) -> None:
    """Remove the container, caches, logs, histories and credentials.

    Args:
        worker: the builder.
        with_windows: whether its Windows stays.
    """
    session, shell = current(), current().shell(worker)
    limit = session.wall_limit(COMMAND_SECONDS)
    if await session.call(windows.container, shell, limit):
        await session.call(windows.remove, shell, limit)
    if not with_windows:
        await session.call(windows.forget, shell, session.settings.storage_path, limit)
    await session.call(disk.clean, shell, session.settings.admin_username, limit)


@phase_task(Phase.DEPROVISION, retry_delays=NONE_AGAIN)
async def deprovision(worker: str) -> None:
    """Make the next boot a first boot.

    Args:
        worker: the builder.
    """
    session = current()
    limit = session.wall_limit(COMMAND_SECONDS)
    await session.call(disk.deprovision, session.shell(worker), limit)


@phase_task(Phase.SCAN_DISK, retry_delays=NONE_AGAIN)
async def scan_disk(worker: str) -> None:
    """Look for what must not be on an image.

    Args:
        worker: the builder.

    Raises:
        PermanentError: something secret is there; the message names the files.
    """
    session = current()
    limit = session.wall_limit(COMMAND_SECONDS)
    found = await session.call(disk.find_secrets, session.shell(worker), limit)
    if found:
        raise PermanentError(f"{worker}: secrets on the disk, no image is made: {', '.join(found)}")
    session.recorder.note(worker, Phase.SCAN_DISK, f"{len(disk.SECRETS)} searches, nothing found")


@phase_task(Phase.GENERALIZE_VM)
async def generalize_vm(worker: str) -> None:
    """Mark the builder as generalized; it never starts again.

    Args:
        worker: the builder, deallocated.
    """
    session = current()
    await session.commit(images.generalize, session.cloud, worker)


@phase_task(Phase.CAPTURE_IMAGE)
async def capture_image(worker: str, image: Image) -> Image:
    """Make the image.

    Args:
        worker: the builder, generalized.
        image: name, kind, regions and what its tags shall say.

    Returns:
        The image as Azure has it.
    """
    session = current()
    operation = await session.commit(images.begin_capture, session.cloud, worker, image)
    await finish(session, operation, CAPTURE_SECONDS[image.kind])
    found = await our_images()
    made = next((item for item in found if item.name == image.name), None)
    if made is None:
        raise PermanentError(f"image {image.name} was captured and is not in the list")
    if made.state is ImageState.FAILED:
        raise TransientError(f"Azure could not finish image {image.name}")
    where = ", ".join(made.regions)
    session.recorder.note(worker, Phase.CAPTURE_IMAGE, f"{made.name} in {where}")
    return made


async def our_images() -> tuple[Image, ...]:
    """Our golden images, the newest first. Not cached: they change."""
    session = current()
    return await session.insist(images.list_images, session.cloud)


@phase_task(Phase.PROMOTE_IMAGE)
async def promote_image(worker: str, image: Image, boot_seconds: int | None) -> None:
    """Make an image current, the one before previous.

    Args:
        worker: the pool's name, as this is a phase of the whole pool.
        image: what was seen ready.
        boot_seconds: cloud seconds of its canary, None without one.
    """
    session = current()
    for changed in imaging.promote(await our_images(), image, boot_seconds):
        written = tags.encode_image(changed)
        await session.commit(tagging.merge_tags, session.cloud, changed.resource_id, written)
    session.recorder.note(worker, Phase.PROMOTE_IMAGE, f"{image.name} is current")


@phase_task(Phase.DELETE_IMAGE)
async def delete_image(worker: str, image: Image) -> None:
    """Delete an image.

    Args:
        worker: the image's name.
        image: the image.
    """
    await drop_image(image)
    where = ", ".join(image.regions)
    current().recorder.note(worker, Phase.DELETE_IMAGE, f"{image.kind}, {where}")


async def drop_image(image: Image) -> None:
    """Delete an image; a missing one is done already."""
    session = current()
    operation = await session.commit(images.begin_delete_image, session.cloud, image)
    await finish(session, operation)


async def mark_failed(image: Image) -> None:
    """Have an image say that it failed, so that it is seen if it can't be deleted.

    Raises:
        NotFoundError: Azure did not begin to make it.
    """
    session = current()
    written = {tags.IMAGE_STATE: ImageState.FAILED.value}
    await session.insist(tagging.merge_tags, session.cloud, image.resource_id, written)
