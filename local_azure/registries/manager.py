"""The registries of one cloud: their listeners, their storage, what they keep and cost.

Providers decide; this module opens and closes after the decision is safe on disk. A registry's port
is part of its record (its login server), so it is found again after a restart.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local_azure import contents
from local_azure.certificates import ensure_certificates
from local_azure.providers.common import REGISTRY, keep
from local_azure.registries.builds import Builds
from local_azure.registries.catalogue import stored_bytes
from local_azure.registries.layout import Layout
from local_azure.serving import HOST, QuietServer, listen, make_server

if TYPE_CHECKING:
    from local_azure.cloud import Cloud
    from local_azure.registries.front import Front, Storage
    from local_azure.registries.task_blobs import TaskBlobs
    from local_azure.state import Resource

log = logging.getLogger(__name__)
RETRY_WALL_SECONDS = 2.0
KEY = "registry_key"


@dataclass
class _Open:
    """A registry that is served."""

    server: QuietServer
    serving: asyncio.Task[None]
    storage: Storage


class Registries:
    """The container registries of one cloud.

    Args:
        cloud: whose registries.
        folder: the state folder.
    """

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self._cloud = cloud
        self._folder = folder / "registries"
        self._state_folder = folder
        self._reserved: dict[int, socket.socket] = {}
        self._open: dict[str, _Open] = {}
        self._queues: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._measuring: set[str] = set()
        self.kind = "auto"
        self.builds = Builds(cloud)

    def reserve(self) -> int:
        """A port for a new registry; clients can connect from now on, they wait until it opens."""
        listener = listen()
        port = int(listener.getsockname()[1])
        self._reserved[port] = listener
        return port

    def open(self, registry: Resource) -> None:
        """Serve a registry, once its record is safe."""
        guid, port, registry_id = registry.hidden["guid"], registry.hidden["port"], registry.id
        self._after_commit(guid, lambda: self._do_open(guid, port, registry_id))

    def remove(self, registry: Resource) -> None:
        """A registry was deleted: stop serving it, forget its content."""
        guid = registry.hidden["guid"]

        async def work() -> None:
            await self._do_close(guid)
            await asyncio.to_thread(contents.remove, self.folder(guid))

        self._after_commit(guid, work)

    def folder(self, guid: str) -> Path:
        """Where a registry keeps everything."""
        return self._folder / guid

    def layout(self, guid: str) -> Layout:
        """Where a registry's content is."""
        return Layout(self.folder(guid) / "storage")

    def key(self) -> str:
        """What signs tokens and addresses."""
        return self._cloud.store.meta(KEY)

    def blobs(self, registry: Resource) -> TaskBlobs:
        """Uploads and logs of a registry's builds."""
        from local_azure.providers.registry_runs import status_of  # noqa: PLC0415 # imports us
        from local_azure.registries.task_blobs import TaskBlobs  # noqa: PLC0415 # most have none

        registry_id, folder = registry.id, self.builds.folder(registry)
        return TaskBlobs(
            self._cloud.clock, self.key(), folder,
            lambda run_id: status_of(self._cloud, registry_id, run_id),
        )  # fmt: skip

    def resume_all(self) -> None:
        """After a start: serve all that there are."""
        if not self._cloud.store.meta(KEY):
            self._cloud.store.set_meta(KEY, secrets.token_hex(32))
        registries = self._cloud.store.find_all(REGISTRY)
        for registry in registries:
            self.open(registry)
        self._sweep({str(registry.hidden["guid"]) for registry in registries})

    async def close(self) -> None:
        """Stop serving, end the children; everything is kept."""
        await self.builds.close()
        for task in (*self._queues.values(), *self._tasks):
            task.cancel()
        await asyncio.gather(*self._queues.values(), *self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._do_close(guid) for guid in list(self._open)))
        for listener in self._reserved.values():
            listener.close()

    async def settle(self) -> None:
        """Wait until everything that was decided is done."""
        while running := [task for task in self._queues.values() if not task.done()]:
            await asyncio.wait(running)

    def _sweep(self, known: set[str]) -> None:
        """Remove what registries left whose deletion was cut short."""
        for folder in self._folder.iterdir() if self._folder.is_dir() else []:
            if folder.name not in known:
                contents.remove(folder)

    async def _do_open(self, guid: str, port: int, registry_id: str) -> None:
        listener = self._reserved.pop(port, None) or await _listen_patiently(port)
        self.folder(guid).mkdir(parents=True, exist_ok=True, mode=0o700)
        storage = self._storage(guid)
        front = self._front(guid, f"{HOST}:{port}", registry_id, storage)
        _, chain, key = ensure_certificates(self._state_folder)
        server = make_server(front.app(), chain, key)
        serving = asyncio.get_running_loop().create_task(server.run_on(listener))
        self._open[guid] = _Open(server, serving, storage)

    def _front(self, guid: str, service: str, registry_id: str, storage: Storage) -> Front:
        from local_azure.registries.front import Front, Parts  # noqa: PLC0415 # most have no registry
        from local_azure.registries.tokens import RegistryTokens  # noqa: PLC0415 # same

        tokens = RegistryTokens(self._cloud.clock, self.key(), service, guid)
        layout = self.layout(guid)
        return Front(
            Parts(self._cloud, registry_id, tokens, storage, layout,
                  lambda: self._measure(guid, registry_id))
        )  # fmt: skip

    def _storage(self, guid: str) -> Storage:
        from local_azure.registries.child import DockerRegistry, find_program  # noqa: PLC0415 # httpx: 0.1 s
        from local_azure.registries.own import OwnStorage  # noqa: PLC0415 # same

        root = self.layout(guid).root
        program = None if self.kind == "own" else find_program()
        if program is None and self.kind == "docker-registry":
            log.error("docker-registry is not installed: registries are kept by our own storage")
        return DockerRegistry(program, self.folder(guid), root) if program else OwnStorage(root)

    async def _do_close(self, guid: str) -> None:
        found = self._open.pop(guid, None)
        if found is None:
            return
        found.server.tell()
        await asyncio.gather(found.serving, return_exceptions=True)
        await found.storage.close()

    def _measure(self, guid: str, registry_id: str) -> None:
        """Look how much a registry holds now, and charge for it; one look at a time."""
        if guid in self._measuring:
            return
        self._measuring.add(guid)

        async def work() -> None:
            try:
                found = await asyncio.to_thread(stored_bytes, self.layout(guid).root)
            finally:
                self._measuring.discard(guid)
            registry = self._cloud.store.get(registry_id)
            if registry and registry.hidden["guid"] == guid:
                registry.hidden["stored_bytes"] = found
                keep(self._cloud, registry)
                self._cloud.store.commit()

        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _after_commit(self, guid: str, work: Callable[[], Awaitable[None]]) -> None:
        self._cloud.store.after_commit(lambda: self._append(guid, work))

    def _append(self, guid: str, work: Callable[[], Awaitable[None]]) -> None:
        before = self._queues.get(guid)

        async def run() -> None:
            if before:
                await asyncio.wait([before])
            try:
                await work()
            except Exception:
                log.exception("registry %s", guid)

        self._queues[guid] = asyncio.get_running_loop().create_task(run())


async def _listen_patiently(port: int) -> socket.socket:
    """Take a port that another program may hold: whoever knows the registry knows this port."""
    is_told = False
    while True:
        try:
            return listen(port)
        except OSError as error:
            if not is_told:
                log.error("a registry waits for port %d: %s", port, error)  # noqa: TRY400 # the reason is enough
            is_told = True
            await asyncio.sleep(RETRY_WALL_SECONDS)
