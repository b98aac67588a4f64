"""The process: one event loop that serves Resource Manager, sign-in, and the guests behind it.

One server per state folder (a lock says so); ports are remembered, so that a restart is found where
it was. Listens on 127.0.0.1 only. Idle it does nothing: no polling, timers only for what is due.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import uvicorn

from local_azure.app import make_app
from local_azure.certificates import ensure_certificates
from local_azure.clock import CloudClock
from local_azure.cloud import Address, Cloud
from local_azure.hosts import make_guests
from local_azure.providers.common import GROUP_TYPE
from local_azure.providers.groups import make_group
from local_azure.state import Resource

HOST = "127.0.0.1"
DEFAULT_GROUP = "waa"
DEFAULT_REGION = "eastus"
KEEP_ALIVE_WALL_SECONDS = 300
"""Longer than clients keep idle connections, so that none is closed under a request."""
BACKLOG = 2048
GRACE_WALL_SECONDS = 3


@dataclass(frozen=True)
class Options:
    """How to serve.

    Attributes:
        folder: state folder.
        port: HTTPS port; None for the one used before, or a free one.
        ssh_port: the guests' SSH port; None likewise.
        speed: cloud seconds per wall second.
        profile: durations file; None for the default.
        guests: kind of guest, see `hosts`.
    """

    folder: Path
    port: int | None
    ssh_port: int | None
    speed: float
    profile: Path | None = None
    guests: str = "simulated"


class AlreadyRunningError(Exception):
    """Another server uses the state folder."""


class QuietServer(uvicorn.Server):
    """uvicorn without its ten ticks a second: it waits until it is told to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self._told.wait()
        self.should_exit = True

    def tell(self) -> None:
        """Stop in order; idle connections are cut, their clients would not answer a TLS goodbye."""
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            transport = getattr(connection, "transport", None)
            if transport and (cycle is None or cycle.response_complete):
                transport.abort()
        self._told.set()


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        AlreadyRunningError: another server uses the folder.
        OSError: a port is taken.
    """
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    options.folder.chmod(0o700)
    lock = take_lock(options.folder)
    if lock is None:
        raise AlreadyRunningError(f"a local Azure already serves {options.folder}")
    with lock:
        asyncio.run(_serve(options))


def take_lock(folder: Path) -> TextIO | None:
    """The folder's lock, or None while somebody else holds it; closing it gives it back."""
    file = (folder / "lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


async def _serve(options: Options) -> None:
    listener, address = _bind(options)
    clock = CloudClock(options.folder / "clock.json", options.speed)
    cloud = Cloud(options.folder, address, clock, options.profile)
    ca_file, chain, key = ensure_certificates(options.folder)
    config = uvicorn.Config(
        make_app(cloud),
        ssl_certfile=str(chain),
        ssl_keyfile=str(key),
        timeout_keep_alive=KEEP_ALIVE_WALL_SECONDS,
        timeout_graceful_shutdown=GRACE_WALL_SECONDS,
        server_header=False,
        date_header=False,
        access_log=False,
        log_level="warning",
        lifespan="off",
    )
    server = QuietServer(config)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, server.tell)
    cloud.machines.host = make_guests(cloud, options.guests, options.profile)
    _open(cloud)
    _announce(cloud, ca_file, options.speed)
    try:
        await _run(server, listener)
    finally:
        (options.folder / "status.json").unlink(missing_ok=True)
        await cloud.machines.settle()
        await cloud.machines.host.close()
        clock.stop()
        cloud.store.close()


async def _run(server: QuietServer, listener: socket.socket) -> None:
    """Serve; our own signal handlers stay in place of uvicorn's."""
    await server._serve([listener])  # noqa: SLF001 # `serve` would install uvicorn's signal handlers


def _open(cloud: Cloud) -> None:
    """Make what exists from the start, and go on with what was going on."""
    subscription = f"/subscriptions/{cloud.identity.subscription_id}"
    if cloud.store.get(subscription) is None:
        cloud.store.put(Resource(subscription, "Microsoft.Resources/subscriptions", {"tags": {}}))
    if not cloud.store.find_all(GROUP_TYPE) and not cloud.store.meta("opened"):
        group = make_group(cloud.identity.subscription_id, DEFAULT_GROUP, DEFAULT_REGION)
        cloud.store.put(group)
    cloud.store.set_meta("opened", "yes")
    cloud.machines.resume_all()
    cloud.operations.resume_all()
    cloud.store.commit()
    cloud.clock.start()


def _bind(options: Options) -> tuple[socket.socket, Address]:
    """Take the HTTPS port; remember both ports for the next start."""
    file = options.folder / "ports.json"
    before: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    listener = _listen(options.port or 0, before.get("port", 0))
    ssh_port = options.ssh_port or before.get("ssh_port") or _free_port()
    address = Address(listener.getsockname()[1], ssh_port)
    _write(file, {"port": address.port, "ssh_port": ssh_port})
    return listener, address


def _listen(wanted: int, before: int) -> socket.socket:
    # With the protocol named, asyncio turns off Nagle's algorithm on what it accepts; without, each
    # answer in two writes waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, wanted or before))
    listener.listen(BACKLOG)  # status.json promises that a client can connect: it waits, not fails
    return listener


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _announce(cloud: Cloud, ca_file: Path, speed: float) -> None:
    identity = cloud.identity
    status = {
        "endpoint": cloud.endpoint,
        "ca_file": str(ca_file.resolve()),
        "tenant_id": identity.tenant_id,
        "client_id": identity.client_id,
        "client_secret": identity.client_secret,
        "subscription_id": identity.subscription_id,
        "resource_group": DEFAULT_GROUP,
        "ssh_port": cloud.ssh_port,
        "state_dir": str(cloud.folder.resolve()),
        "speed": speed,
        "pid": os.getpid(),
        "prices_url": cloud.url("/api/retail/prices"),
        "my_address_url": cloud.url("/_local/my-address"),
        "admin_token": identity.admin_token,
    }
    _write(cloud.folder / "status.json", status)
    print(f"local Azure ready on {cloud.endpoint}", flush=True)  # noqa: T201 # the promised line


def _write(file: Path, document: dict[str, Any]) -> None:
    scratch = file.with_suffix(".new")
    scratch.touch(mode=0o600)
    scratch.write_text(json.dumps(document, indent=1))
    scratch.replace(file)
