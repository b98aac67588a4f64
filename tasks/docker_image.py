"""Phases that bring the Docker image onto a worker: from the registry, or built there."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tasks.guests import COMMAND_SECONDS, IMAGE_SECONDS, built_image
from tasks.phase import ON_DISK, phase_task
from tasks.registry import draw, offered
from tasks.session import Session, current
from vmpool.context import BASE_LABEL, WINDOWS_LABEL, base_images, pinned_arguments, waa_context
from vmpool.errors import NotFoundError
from vmpool.golden import Image
from vmpool.guest import docker
from vmpool.guest.shell import Shell
from vmpool.model import Phase
from vmpool.reference import Reference


@phase_task(Phase.PULL_IMAGE, cache=ON_DISK)
async def pull_image(worker: str, *, only_registry: bool = False) -> None:
    """Pull the built image if the registry has it, else the base images that it is built from.

    Args:
        worker: worker name.
        only_registry: whether base images won't do.

    Raises:
        NotFoundError: the registry has no such image, and nothing else would do.
    """
    session, shell = current(), current().shell(worker)
    limit = session.wall_limit(COMMAND_SECONDS)
    if await session.call(docker.image_id, shell, built_image(session), limit):
        session.recorder.note(worker, Phase.PULL_IMAGE, "was there")
        return
    offer = await offered()
    if offer:
        await draw(worker, offer)
        session.recorder.note(worker, Phase.PULL_IMAGE, f"from registry {offer.source.name}")
        return
    if only_registry:
        raise NotFoundError(
            f"no registry has {built_image(session)}: oa-vm image-push brings it there"
        )
    settings = session.settings
    images = [settings.windows_image, settings.base_image]
    missing = [it for it in images if not await session.call(docker.image_id, shell, it, limit)]
    await _pull_at_once(session, worker, missing)
    if not missing:
        session.recorder.note(worker, Phase.PULL_IMAGE, "base images were there")


async def _pull_at_once(session: Session, worker: str, images: list[str]) -> None:
    """Pull images side by side, each over a connection of its own: one can do one thing."""
    shells = [Shell(session.addresses[worker]) for _ in images]
    limit = session.wall_limit(IMAGE_SECONDS)
    try:
        async with asyncio.TaskGroup() as group:
            for shell, image in zip(shells, images, strict=True):
                group.create_task(session.call(docker.pull, shell, image, limit))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    finally:
        for shell in shells:  # also cuts what a cancelled pull still does there
            shell.close()


@phase_task(Phase.BUILD_IMAGE, cache=ON_DISK)
async def build_image(worker: str) -> None:
    """Build the WAA image from our build context, unless this very context was built already.

    Args:
        worker: worker name.
    """
    session, shell = current(), current().shell(worker)
    settings, tag = session.settings, built_image(session)
    limit = session.wall_limit(COMMAND_SECONDS)
    if await session.call(docker.image_id, shell, tag, limit):
        session.recorder.note(worker, Phase.BUILD_IMAGE, "was there")
        return
    digests = {
        label: await session.call(_digest_of, shell, base, limit)
        for label, base in base_images(settings).items()
    }
    arguments, seconds = pinned_arguments(settings, digests), session.wall_limit(IMAGE_SECONDS)
    await session.call(docker.build, shell, waa_context(), tag, arguments, seconds)


def _digest_of(shell: Shell, base: Reference, seconds: float) -> str:
    """Digest of a base image that the worker has."""
    name = base.at(base.digest) if base.digest else f"{base.name}:{base.tag}"
    return base.digest or docker.repo_digest(shell, name, base.familiar, seconds)


async def made_of(worker: str, image: Image) -> Image:
    """The golden image that a worker's disk shall be, with what its Docker image is made of.

    Args:
        worker: worker name.
        image: what is known of it otherwise.
    """
    session, shell = current(), current().shell(worker)
    limit, name = session.wall_limit(COMMAND_SECONDS), built_image(session)
    told = await session.insist(docker.labels, shell, name, limit)
    return replace(
        image,
        docker_id=await session.insist(docker.image_id, shell, name, limit),
        base_digest=told.get(BASE_LABEL, "").rpartition("@")[2],
        windows_digest=told.get(WINDOWS_LABEL, "").rpartition("@")[2],
    )
