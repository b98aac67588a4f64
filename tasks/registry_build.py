"""The phase in which Azure itself builds the image, in the registry, without any VM."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tasks.guests import built_image
from tasks.phase import phase_task
from tasks.session import current
from vmpool.arm import registry_build
from vmpool.arm.registry import ContainerRegistry
from vmpool.arm.registry_build import BUILD_SECONDS, BuildRun
from vmpool.arm.survey import LATEST, base_digests, in_registry
from vmpool.context import pinned_arguments, waa_context
from vmpool.errors import PermanentError, VmPoolError
from vmpool.model import Phase


@phase_task(Phase.BUILD_IN_REGISTRY)
async def build_in_registry(worker: str, target: ContainerRegistry) -> str:
    """Have ACR Tasks build the image and keep it; cancelled, the build is cancelled too.

    Args:
        worker: the pool's name, as this is a phase of no worker.
        target: the registry.

    Returns:
        Digest of the image.

    Raises:
        PermanentError: the build failed; the message is the end of its log.
    """
    session, cloud = current(), current().cloud
    wanted = in_registry(target, built_image(session))
    names = [f"{wanted.repository}:{tag}" for tag in (wanted.tag, LATEST)]
    digests = await session.call(base_digests, cloud)
    begun: BuildRun = await session.commit(
        registry_build.begin_build,
        cloud,
        target,
        waa_context(),
        names,
        pinned_arguments(session.settings, digests),
    )

    async def check() -> BuildRun | None:
        run = await session.call(registry_build.find_build, cloud, target, begun.id)
        return run if run.has_ended else None

    try:
        run = await session.until(
            check, every_seconds=10, within_seconds=BUILD_SECONDS, what=f"build {begun.id}"
        )
    except BaseException:
        with suppress(VmPoolError):
            await asyncio.shield(session.call(registry_build.cancel_build, cloud, target, begun.id))
        raise
    if run.status != "Succeeded":
        words = await session.call(registry_build.last_words, cloud, target, run.id)
        raise PermanentError(f"build {run.id} in {target.name}: {run.status}: {words}".rstrip(": "))
    session.recorder.note(worker, Phase.BUILD_IN_REGISTRY, f"run {run.id}, {wanted.tag}")
    return run.digest
