"""The SSH side of one guest: who may connect, who may log in, what a session runs.

Only public keys are accepted, from the user's own `authorized_keys` on the guest's disk. A
connection that the network's rules deny is accepted and held in silence, which is how dropped
packets look from outside. Reverse forwarding, agents, X11 and sockets of the host are refused.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncssh

from local_azure.guests.simulated import forward, session, sftp

if TYPE_CHECKING:
    from local_azure.guests.simulated.guest import Guest

log = logging.getLogger(__name__)
HELD_LIMIT = 64
"""Denied connections held per VM; the oldest is closed for one more."""
BACKLOG = 128
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
LOGIN_WALL_SECONDS = 30


class Login(asyncssh.SSHServer):
    """One client's connection.

    Args:
        guest: the VM that it comes to.
    """

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember the connection: groups are fixed at login, as by sshd."""
        self._connection = conn

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 # asyncssh's signature
        """Everybody has to authenticate (False would mean: nobody has to)."""
        return True

    def public_key_auth_supported(self) -> bool:
        """Keys, and nothing else."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the key is in the user's `authorized_keys`."""
        blob = key.export_public_key().split()[1].decode()
        is_known = blob in self._guest.authorized_keys(username)
        if is_known and self._connection:
            groups = self._guest.accounts.groups_of(username)
            self._connection.set_extra_info(login=username, login_groups=groups)
        return is_known

    def connection_requested(
        self,
        dest_host: str,
        dest_port: int,
        orig_host: str,  # noqa: ARG002 # asyncssh's signature
        orig_port: int,  # noqa: ARG002 # same
    ) -> forward.Handler:
        """Forward to a service inside the guest; ports of the host are out of reach."""
        return forward.connect(self._guest, dest_host, dest_port)


class Held(asyncio.Protocol):
    """A denied connection: nothing is read, nothing is said."""

    def __init__(self, forget: Callable[[Held], None]) -> None:
        self._forget = forget
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # asyncio's signature
        """The client gave up."""
        self._forget(self)


class SshPort:
    """The SSH port of one guest.

    Args:
        guest: the VM.
        port: port on the VM's address.
        is_allowed: (source address) -> whether the network's rules admit it.
    """

    def __init__(self, guest: Guest, port: int, is_allowed: Callable[[str], bool]) -> None:
        self._guest, self._port, self._is_allowed = guest, port, is_allowed
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._logins: set[asyncio.Task[None]] = set()
        self._open: set[asyncssh.SSHServerConnection] = set()
        self._held: OrderedDict[Held, None] = OrderedDict()
        self._options: asyncssh.SSHServerConnectionOptions | None = None

    def open(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be had.
        """
        if self._listener is not None:
            return
        self._options = self._make_options()
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)  # noqa: FBT003 # the socket's own signature
        try:
            listener.bind((self._guest.spec.address, self._port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self._accepting = asyncio.create_task(self._accept(listener))

    def close(self) -> None:
        """Listen no more; open connections stay."""
        if self._accepting:
            self._accepting.cancel()
        if self._listener:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
        self._listener = self._accepting = None

    def cut(self) -> None:
        """Cut every connection, as a lost host does."""
        for connection in list(self._open):
            connection.abort()
        for task in list(self._logins):
            task.cancel()
        for held in list(self._held):
            if held.transport:
                held.transport.close()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, (source, _) = await loop.sock_accept(listener)
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._is_allowed(source):
                task = asyncio.create_task(self._serve(client))
                self._logins.add(task)
                task.add_done_callback(self._logins.discard)
            else:
                await self._hold(client)

    async def _hold(self, client: socket.socket) -> None:
        while len(self._held) >= HELD_LIMIT:
            oldest, _ = self._held.popitem(last=False)
            if oldest.transport:
                oldest.transport.close()
        loop = asyncio.get_running_loop()
        held = Held(lambda gone: self._held.pop(gone, None))
        self._held[held] = None
        with suppress(OSError):
            await loop.connect_accepted_socket(lambda: held, client)

    async def _serve(self, client: socket.socket) -> None:
        """Run one connection from its banner to its end."""
        try:
            connection = await asyncssh.run_server(client, options=self._options)
        except (asyncssh.Error, OSError, TimeoutError, asyncio.CancelledError):
            client.close()
            return
        self._open.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self._open.discard(connection)

    def _make_options(self) -> asyncssh.SSHServerConnectionOptions:
        guest = self._guest
        key = asyncssh.import_private_key(guest.files.host(HOST_KEY).read_bytes())
        return asyncssh.SSHServerConnectionOptions(
            server_factory=lambda: Login(guest),
            server_host_keys=[key],
            server_version="OpenSSH_9.6p1 Ubuntu-3ubuntu13",
            process_factory=lambda process: session.serve(guest, process),
            sftp_factory=lambda channel: sftp.GuestSftp(guest, channel),
            encoding=None,
            line_editor=False,
            agent_forwarding=False,
            x11_forwarding=False,
            allow_scp=False,
            gss_host=None,
            login_timeout=LOGIN_WALL_SECONDS,
        )
