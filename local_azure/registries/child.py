"""Debian's `docker-registry` as the storage of a registry, behind our front.

A child process that starts when it is first needed, and again when it has died. It listens on a
socket in the registry's own folder, which nobody else may enter, and ends with us, however we end.
What it acknowledged is in its files.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import shutil
import sys
import time
from pathlib import Path

import httpx
from starlette.requests import Request
from starlette.responses import Response

from local_azure.registries import launch, proxy
from local_azure.registries.access import Target
from local_azure.registries.oci_errors import OciError

log = logging.getLogger(__name__)
PROGRAM = "docker-registry"
SOCKET, CONFIG, LOG = "registry.sock", "registry.json", "registry.log"
START_WALL_SECONDS = 20.0
POLL_WALL_SECONDS = 0.01
STOP_WALL_SECONDS = 5.0


def find_program() -> str | None:
    """Path of `docker-registry`, None where it is not installed or cannot be tied to us."""
    return shutil.which(PROGRAM) if sys.platform == "linux" else None


class DockerRegistry:
    """One registry's content, kept by `docker-registry`.

    Args:
        program: path of `docker-registry`.
        folder: for configuration, log and socket.
        root: storage folder.
    """

    def __init__(self, program: str, folder: Path, root: Path) -> None:
        self._program, self._folder, self._root = program, folder.resolve(), root.resolve()
        self._process: asyncio.subprocess.Process | None = None
        self._client: httpx.AsyncClient | None = None
        self._directory = -1
        self._lock = asyncio.Lock()

    async def handle(self, request: Request, target: Target) -> Response:
        """Let `docker-registry` answer a request that was found to be allowed.

        Raises:
            OciError: it does not run, or lost the request.
        """
        try:
            try:
                return await proxy.forward(await self._ready(), request, target)
            except httpx.ConnectError:  # it has just died; nothing of the request is used up
                await self._stop()
                return await proxy.forward(await self._ready(), request, target)
        except httpx.HTTPError as error:
            log.warning("%s %s: %r", request.method, request.url.path, error)
            raise OciError("UNAVAILABLE") from error

    async def close(self) -> None:
        """End the child, letting it finish what it is answering."""
        async with self._lock:
            if self._client:
                await self._client.aclose()
            await self._stop()

    async def _ready(self) -> httpx.AsyncClient:
        async with self._lock:
            if self._client and self._process and self._process.returncode is None:
                return self._client
            await self._stop()
            await self._start()
            if self._client is None:
                # The path of a socket has 107 characters at most, and state folders may be deep.
                self._directory = os.open(self._folder, os.O_PATH)
                socket = f"/proc/self/fd/{self._directory}/{SOCKET}"
                transport = httpx.AsyncHTTPTransport(uds=socket, limits=proxy.LIMITS, retries=1)
                self._client = httpx.AsyncClient(transport=transport, timeout=None)  # noqa: S113 # pushes may take their time
            return self._client

    async def _start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / SOCKET).unlink(missing_ok=True)
        self._write_config()
        command = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), self._program]
        with (self._folder / LOG).open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *command, "serve", CONFIG, cwd=self._folder, start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        deadline = time.monotonic() + START_WALL_SECONDS
        while not (self._folder / SOCKET).exists():
            if self._process.returncode is not None or time.monotonic() > deadline:
                log.error("%s does not start: see %s", PROGRAM, self._folder / LOG)
                raise OciError("UNAVAILABLE")
            await asyncio.sleep(POLL_WALL_SECONDS)

    def _write_config(self) -> None:
        file = self._folder / CONFIG
        if file.exists():
            return
        document = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self._root)},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {
                "net": "unix",
                "addr": SOCKET,
                "secret": secrets.token_hex(32),  # signs the state of uploads: kept over restarts
                "relativeurls": True,
                "draintimeout": "2s",
            },
        }
        scratch = file.with_suffix(".new")
        scratch.touch(mode=0o600)
        scratch.write_text(json.dumps(document, indent=1))
        scratch.replace(file)

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_WALL_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
