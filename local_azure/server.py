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

from local_azure.app import make_app
from local_azure.certificates import ensure_certificates
from local_azure.clock import CloudClock
from local_azure.cloud import Address, Cloud
from local_azure.hosts import make_guests
from local_azure.providers.common import GROUP_TYPE
from local_azure.providers.groups import make_group
from local_azure.serving import HOST, listen, make_server
from local_azure.state import Resource

DEFAULT_GROUP = "waa"
DEFAULT_REGION = "eastus"


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
        registries: what keeps container registries' content, see `registries.manager`.
    """

    folder: Path
    port: int | None
    ssh_port: int | None
    speed: float
    profile: Path | None = None
    guests: str = "simulated"
    registries: str = "auto"


class AlreadyRunningError(Exception):
    """Another server uses the state folder."""


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
    ca_file, chain, key = ensure_certificates(options.folder)
    cloud = Cloud(options.folder, address, clock, options.profile)
    cloud.registries.kind = options.registries
    server = make_server(make_app(cloud), chain, key)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, server.tell)
    cloud.machines.host = make_guests(cloud, options.guests, options.profile, ca_file)
    _open(cloud)
    _announce(cloud, ca_file, options.speed)
    try:
        await server.run_on(listener)
    finally:
        (options.folder / "status.json").unlink(missing_ok=True)
        await cloud.machines.settle()
        await cloud.machines.host.close()
        await cloud.registries.close()
        clock.stop()
        cloud.store.close()


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
    cloud.registries.resume_all()
    cloud.operations.resume_all()
    cloud.store.commit()
    cloud.clock.start()


def _bind(options: Options) -> tuple[socket.socket, Address]:
    """Take the HTTPS port; remember both ports for the next start."""
    file = options.folder / "ports.json"
    before: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    listener = listen(options.port or before.get("port", 0))
    ssh_port = options.ssh_port or before.get("ssh_port") or _free_port()
    address = Address(listener.getsockname()[1], ssh_port)
    _write(file, {"port": address.port, "ssh_port": ssh_port})
    return listener, address


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
        "registry_mirror": cloud.registry_mirror,
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
