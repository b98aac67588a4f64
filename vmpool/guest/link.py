"""One SSH connection that any thread can end at any moment, also while it is still being made.

For what lasts: tunnels, and output that is followed. Single commands go through `Shell`.
"""

from __future__ import annotations

import contextlib
import socket
import threading

import paramiko

from vmpool.errors import GuestUnreachableError
from vmpool.guest.connection import (
    CONNECT_WALL_SECONDS,
    KEEPALIVE_WALL_SECONDS,
    Address,
    login_options,
    strict_client,
    translated,
)

CHECK_WALL_SECONDS = 15.0
"""How long a connection may say nothing until it is asked whether it still lives."""
ANSWER_WALL_SECONDS = 10.0
"""For the answer: a frozen VM keeps its connections open for ever and says nothing."""


class Link:
    """A connection that can be opened again after it was lost; closed for good by `close`.

    Args:
        address: where to, and which host key to expect.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._client: paramiko.SSHClient | None = None
        self._is_closed = False

    def open(self) -> paramiko.Transport:
        """Connect and log in; what was open before is dropped.

        Raises:
            GuestUnreachableError: the VM can't be reached, or the link is closed.
            HostKeyError: another machine answers there; nothing was sent to it.
        """
        self.drop()
        client = strict_client(self._address)
        try:
            with translated(self._address.ip):
                client.connect(
                    self._address.ip,
                    self._address.port,
                    self._address.username,
                    sock=self._dial(),
                    timeout=CONNECT_WALL_SECONDS,
                    **login_options(self._address),
                )
                transport = client.get_transport()
                if transport is None:  # it ended right after the login
                    raise EOFError("cut")  # noqa: TRY301 # translated like every other cut
                transport.set_keepalive(KEEPALIVE_WALL_SECONDS)
                self._keep(client)
        except BaseException:
            client.close()
            self.drop()
            raise
        return transport

    def _dial(self) -> socket.socket:
        dialled = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        dialled.settimeout(CONNECT_WALL_SECONDS)
        with self._lock:
            self._socket = dialled
            self._check_open()
        dialled.connect((self._address.ip, self._address.port))
        dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return dialled

    def _keep(self, client: paramiko.SSHClient) -> None:
        with self._lock:
            self._client = client
            self._check_open()

    def _check_open(self) -> None:
        if self._is_closed:
            raise GuestUnreachableError(f"SSH of {self._address.ip}: closed here")

    def drop(self) -> None:
        """Cut the connection; `open` makes a new one."""
        with self._lock:
            client, dialled = self._client, self._socket
            self._client = self._socket = None
        if dialled:
            with contextlib.suppress(OSError):  # it was cut already
                dialled.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for it in another thread
            dialled.close()
        if client:
            client.close()

    def close(self) -> None:
        """Cut the connection, and whoever is just opening one finds it closed."""
        with self._lock:
            self._is_closed = True
        self.drop()


def answers(transport: paramiko.Transport) -> bool:
    """Whether the other side still answers: it is asked for a session that nobody uses."""
    try:
        transport.open_session(timeout=ANSWER_WALL_SECONDS).close()
    except (paramiko.SSHException, EOFError, OSError):
        return False
    return True
