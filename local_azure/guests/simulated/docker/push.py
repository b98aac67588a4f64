"""`docker push`: the blobs that a registry lacks, then the manifest, which makes the tag.

A push that is interrupted has changed no tag: the manifest comes last.
"""

from __future__ import annotations

import asyncio

from local_azure.guests.simulated.docker import credentials, images
from local_azure.guests.simulated.docker.model import Image
from local_azure.guests.simulated.docker.registry import Registry, RegistryError
from local_azure.guests.simulated.running import ProgramError, Run
from local_azure.oci.content import Layer, digest_of, make_manifest
from local_azure.oci.references import Reference

UPLOADS = 5
"""Docker's `max-concurrent-uploads`."""


async def push(run: Run, text: str, *, is_quiet: bool = False) -> None:
    """Push an image under one of its names.

    Raises:
        ProgramError: in Docker's words.
    """
    daemon, reference = run.guest.docker, images.read_reference(text)
    if reference.digest:
        raise ProgramError("cannot push a digest reference")
    image = images.find(daemon, text)
    if image is None:
        raise ProgramError(f"An image does not exist locally with the tag: {reference.familiar}")
    if not is_quiet:
        run.say(f"The push refers to repository [{reference.name}]")
    try:
        digest, size = await Push(run, reference, image, is_quiet=is_quiet).make()
    except RegistryError as error:
        raise ProgramError(str(error)) from None
    images.add(image.digests, f"{reference.name}@{digest}")
    daemon.save()
    line = f"{reference.tag}: digest: {digest} size: {size}"
    run.say(reference.full if is_quiet else line)


class Push:
    """One run of `docker push`.

    Args:
        run: the program's run.
        reference: where to.
        image: what.
        is_quiet: no progress.
    """

    def __init__(self, run: Run, reference: Reference, image: Image, *, is_quiet: bool) -> None:
        self._run, self._reference, self._is_quiet = run, reference, is_quiet
        engine = run.guest.docker.engine
        self._layers = list({layer.digest: layer for layer in image.layers}.values())
        self._blobs = {each: engine.blob(each) for each in (image.id, *_digests(self._layers))}
        self._config = self._blobs[image.id]
        self._manifest = make_manifest(self._config, image.layers)
        login = credentials.find(run, reference.registry)
        self._registry = Registry(run.guest.around.transport, reference.registry, login)
        self._turns = asyncio.Semaphore(UPLOADS)

    async def make(self) -> tuple[str, int]:
        """Bring what is missing; the manifest's digest and its length.

        Raises:
            RegistryError: the registry refuses.
        """
        name, clock, began = self._reference.repository, self._run.guest.clock, self._now()
        await self._registry.open(f"repository:{name}:pull,push")
        for layer in reversed(self._layers):
            self._say(layer, "Preparing")
        sizes = await self._every_layer()
        await self._bring(digest_of(self._config))
        await clock.sleep_until(began + self._run.guest.durations.transfer(sum(sizes)))
        await self._registry.put_manifest(name, self._reference.tag, self._manifest)
        return digest_of(self._manifest), len(self._manifest)

    async def _every_layer(self) -> list[int]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._layer(each)) for each in reversed(self._layers)]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _layer(self, layer: Layer) -> int:
        """Bring a layer unless it is there; the bytes it stands for, if it was brought."""
        async with self._turns:
            is_brought = await self._bring(layer.digest)
        self._say(layer, "Pushed" if is_brought else "Layer already exists")
        return layer.size_bytes if is_brought else 0

    async def _bring(self, digest: str) -> bool:
        name = self._reference.repository
        if await self._registry.has_blob(name, digest):
            return False
        await self._registry.upload(name, digest, self._blobs[digest])
        return True

    def _now(self) -> float:
        return self._run.guest.clock.now()

    def _say(self, layer: Layer, state: str) -> None:
        if not self._is_quiet:
            self._run.say(f"{layer.diff_id[7 : 7 + images.SHORT]}: {state}")


def _digests(layers: list[Layer]) -> list[str]:
    return [layer.digest for layer in layers]
