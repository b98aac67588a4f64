"""A tunnel from a free local port to a service on a VM's loopback, over a connection of its own."""

from __future__ import annotations

import contextlib
import socket
import time

from vmpool.errors import GuestUnreachableError
from vmpool.guest.connection import Address, make_connection, open_connection, translated

LOOPBACK = "127.0.0.1"
LISTEN_WALL_SECONDS = 5.0
POLL_WALL_SECONDS = 0.01


class Tunnel:
    """Open from its construction until `close`.

    Args:
        address: the VM.
        remote_port: port of the service there.

    Attributes:
        local_port: where it can be reached here, on 127.0.0.1.

    Raises:
        GuestUnreachableError: the VM can't be reached.
        HostKeyError: another machine answers there.
    """

    def __init__(self, address: Address, remote_port: int) -> None:
        self._stack = contextlib.ExitStack()
        connection = make_connection(address)
        self._stack.callback(connection.close)
        self.local_port = _free_port()
        try:
            with translated(address.ip):
                open_connection(connection)
                self._stack.enter_context(
                    connection.forward_local(
                        self.local_port, remote_port, remote_host=LOOPBACK, local_host=LOOPBACK
                    )
                )
            _wait_until_listening(self.local_port)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close it; what was still going through is cut."""
        with contextlib.suppress(Exception):  # fabric raises here what its threads met on the way
            self._stack.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(port: int) -> None:
    """Fabric returns before its thread listens."""
    deadline = time.monotonic() + LISTEN_WALL_SECONDS
    while True:
        try:
            socket.create_connection((LOOPBACK, port), LISTEN_WALL_SECONDS).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise GuestUnreachableError(f"the tunnel's port {port} does not open") from error
            time.sleep(POLL_WALL_SECONDS)
        else:
            return
