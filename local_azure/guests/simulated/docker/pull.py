"""`docker pull`: manifest, configuration and missing layers over HTTP, every digest verified.

The bytes come at once; the time and the room they take are those that the layers claim. An image
counts only when all of it is there: what is interrupted or wrong leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from local_azure.guests.simulated import space
from local_azure.guests.simulated.docker import credentials, images
from local_azure.guests.simulated.docker.model import Image
from local_azure.guests.simulated.docker.registry import Registry, RegistryError
from local_azure.guests.simulated.running import ProgramError, Run
from local_azure.oci.content import BadContentError, Layer, digest_of, read_manifest, unpack
from local_azure.oci.references import Reference

DOWNLOADS = 3
"""Docker's `max-concurrent-downloads`."""
NOT_FOUND = {
    "DENIED": "pull access denied for {0.familiar}, repository does not exist or may require"
    " 'docker login'",
    "MANIFEST_UNKNOWN": "manifest for {0.familiar_full} not found",
    "NAME_UNKNOWN": "repository {0.familiar} not found",
}


async def pull(run: Run, text: str, *, is_quiet: bool = False) -> Image:
    """Pull an image, waiting for a pull of the same one that is under way.

    Raises:
        ProgramError: in Docker's words.
    """
    reference = images.read_reference(text)
    async with run.guest.docker.pulls.setdefault(reference.full, asyncio.Lock()):
        return await Pull(run, reference, is_quiet=is_quiet).make()


class Pull:
    """One run of `docker pull`.

    Args:
        run: the program's run.
        reference: what to pull.
        is_quiet: no progress.
    """

    def __init__(self, run: Run, reference: Reference, *, is_quiet: bool) -> None:
        self._run, self._reference, self._is_quiet = run, reference, is_quiet
        self._docker = run.guest.docker
        login = credentials.find(run, reference.registry)
        self._registry = Registry(run.guest.around.transport, reference.registry, login)
        self._began = run.guest.clock.now()

    async def make(self) -> Image:
        """Pull, name and keep the image."""
        reference, docker = self._reference, self._docker
        manifest = await self._manifest()
        digest = digest_of(manifest)
        if reference.digest and digest != reference.digest:
            raise ProgramError(f"manifest verification failed for digest {reference.digest}")
        self._say(f"{reference.tag or reference.digest}: Pulling from {reference.repository}")
        image_id, layers = _read(manifest)
        known = docker.engine.images.get(image_id)
        image = known or await self._download(image_id, layers)
        await self._wait(0)
        if reference.tag:
            images.tag(docker, image, reference)
        images.add(image.digests, f"{reference.name}@{digest}")
        docker.save()
        state = "Image is up to date" if known else "Downloaded newer image"
        self._say(f"Digest: {digest}")
        self._say(f"Status: {state} for {reference.familiar_full}")
        return image

    async def _manifest(self) -> bytes:
        reference = self._reference
        wanted = reference.digest or reference.tag
        path = f"{reference.repository}/manifests/{wanted}"
        try:
            await self._registry.open(f"repository:{reference.repository}:pull")
            return await self._registry.manifest(reference.repository, wanted)
        except RegistryError as error:
            if before := NOT_FOUND.get(error.code):
                raise ProgramError(f"{images.DAEMON}{before.format(reference)}: {error}") from None
            place = f'Head "{self._registry.shown}{path}": ' if error.code else ""
            raise ProgramError(f"{images.DAEMON}{place}{error}") from None

    async def _download(self, image_id: str, layers: Sequence[Layer]) -> Image:
        """Bring what is missing, let its time pass, and keep the image."""
        there = self._docker.engine.layers()
        for layer in layers:
            state = "Already exists" if layer.digest in there else "Pulling fs layer"
            self._say(f"{_short(layer)}: {state}")
        missing = {layer.digest: layer for layer in layers if layer.digest not in there}
        kept = {digest: self._docker.engine.blob(digest) for digest in _needed(layers, there)}
        blobs = kept | await self._fetch([image_id, *missing])
        image = _image(image_id, blobs[image_id])
        _unpack(image, blobs, layers)
        await self._register(list(missing.values()))
        return self._docker.engine.keep(image, blobs)

    async def _fetch(self, digests: Sequence[str]) -> dict[str, bytes]:
        """Blobs by their digests, all of them verified; configuration first."""
        turns = asyncio.Semaphore(DOWNLOADS)

        async def fetch(digest: str) -> bytes:
            async with turns:
                try:
                    data = await self._registry.blob(self._reference.repository, digest)
                except RegistryError as error:
                    raise ProgramError(f"{images.DAEMON}{error}") from None
            if digest_of(data) != digest:
                kind = "image config" if digest == digests[0] else "filesystem layer"
                raise ProgramError(f"{kind} verification failed for digest {digest}")
            return data

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(fetch(digest)) for digest in digests]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return {digest: task.result() for digest, task in zip(digests, tasks, strict=True)}

    async def _register(self, layers: Sequence[Layer]) -> None:
        """Let each layer's time pass, and refuse what does not fit on the disk."""
        sizes = itertools.accumulate(layer.size_bytes for layer in layers)
        for layer, size in zip(layers, sizes, strict=True):
            await self._wait(size)
            root = self._docker.root
            if space.disk_of(self._run.guest, root).available < size:
                raise ProgramError(
                    f"failed to register layer: write {root}: no space left on device"
                )
            self._say(f"{_short(layer)}: Pull complete")

    async def _wait(self, size_bytes: int) -> None:
        """Until so many bytes could be there, reckoned from the beginning."""
        guest = self._run.guest
        await guest.clock.sleep_until(self._began + guest.durations.transfer(size_bytes))

    def _say(self, text: str) -> None:
        if not self._is_quiet:
            self._run.say(text)


def _read(manifest: bytes) -> tuple[str, list[Layer]]:
    try:
        return read_manifest(manifest)
    except BadContentError:
        raise ProgramError(
            f"{images.DAEMON}unsupported manifest media type and no default available"
        ) from None


def _image(image_id: str, config: bytes) -> Image:
    """An image from its configuration, still without layers."""
    try:
        document = json.loads(config)
        return Image(
            id=image_id,
            references=[],
            digests=[],
            created=_moment(document.get("created")),
            layers=[],
            files=[],
            config=dict(document.get("config") or {}),
        )
    except (ValueError, KeyError, TypeError):
        raise ProgramError(f"{images.DAEMON}invalid image configuration {image_id}") from None


def _needed(layers: Sequence[Layer], there: Mapping[str, Layer]) -> set[str]:
    return {layer.digest for layer in layers} & there.keys()


def _unpack(image: Image, blobs: Mapping[str, bytes], layers: Sequence[Layer]) -> None:
    """Give an image its layers, if they are those that its configuration names."""
    try:
        content = [unpack(blobs[layer.digest]) for layer in layers]
    except BadContentError as error:
        raise ProgramError(f"failed to register layer: {error}") from None
    rows = zip(layers, content, strict=True)
    image.layers = [replace(layer, diff_id=diff_id) for layer, (diff_id, _) in rows]
    image.files = sorted({name for _, names in content for name in names})
    named = json.loads(blobs[image.id]).get("rootfs", {}).get("diff_ids")
    if named != [layer.diff_id for layer in image.layers]:
        raise ProgramError(f"{images.DAEMON}layers from manifest don't match image configuration")


def _moment(text: str | None) -> float:
    """A time in a configuration; 0 when it has none."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _short(layer: Layer) -> str:
    return layer.digest[7 : 7 + images.SHORT]
