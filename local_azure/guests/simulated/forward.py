"""TCP forwarding into a guest, in process: no socket is ever opened on the host for a client.

Only services of the simulated guest can be reached, by `localhost` and the guest's own names;
everything else is refused, above all the ports and addresses of the host that runs all this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncssh

from local_azure.guests.simulated.web import respond

if TYPE_CHECKING:
    from local_azure.guests.simulated.docker.services import Service
    from local_azure.guests.simulated.guest import Guest

Handler = Callable[["asyncssh.SSHReader[bytes]", "asyncssh.SSHWriter[bytes]"], Awaitable[None]]
LOCAL_NAMES = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 # a name clients may say
RESET_WALL_SECONDS = 0.003
"""Docker's proxy accepts before it finds nobody behind it."""
HEAD_LIMIT = 65_536
HEAD_END = b"\r\n\r\n"


def connect(guest: Guest, host: str, port: int) -> Handler:
    """A handler for one forwarded connection.

    Raises:
        asyncssh.ChannelOpenError: nothing listens there.
    """
    service = None
    if host in LOCAL_NAMES | {guest.spec.name}:
        service = guest.docker.service(port, guest.clock.now())
    if service is None:
        raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "Connection refused")

    async def handle(reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes]) -> None:
        with suppress(asyncssh.Error, OSError), guest.running_task():
            await _serve(guest, service, reader, writer)
        writer.close()

    return handle


async def _serve(
    guest: Guest,
    service: Service,
    reader: asyncssh.SSHReader[bytes],
    writer: asyncssh.SSHWriter[bytes],
) -> None:
    """Answer requests until the client ends or the service closes the connection."""
    while True:
        state = guest.docker.service_state(service, guest.clock.now())
        if state == "closed":
            await asyncio.sleep(RESET_WALL_SECONDS)
            return
        head = await _read_head(reader)
        if not head:
            return
        if state == "frozen":
            await asyncio.Event().wait()
        answer, is_kept = respond(service.container_port, head)
        writer.write(answer)
        if not is_kept:
            return


async def _read_head(reader: asyncssh.SSHReader[bytes]) -> bytes:
    """One request's head, b"" at the end; bodies are not read, no service takes one."""
    data = b""
    while HEAD_END not in data and len(data) < HEAD_LIMIT:
        block = await reader.read(HEAD_LIMIT)
        if not block:
            return b""
        data += block
    return data
