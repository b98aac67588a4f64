"""Listens on free ports of 127.0.0.1 and hands every connection to a thread of its own."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Sequence

LOOPBACK = "127.0.0.1"
BREATH_WALL_SECONDS = 0.1
"""After a connection that could not be accepted: no descriptors are left, most likely."""

Serve = Callable[[socket.socket, int], None]
"""(client, remote port): serves one connection and returns when it is over."""


class LocalPorts:
    """One listening port for each remote port, open from construction until `close`.

    The system chooses the ports, so that they are free. One thread accepts for all of them.

    Args:
        remote_ports: what the ports stand for.
        serve: called in a thread of the connection's own; the socket is closed afterwards.
        name: of the threads, for people who look at them.

    Attributes:
        numbers: local port by remote port.
    """

    def __init__(self, remote_ports: Sequence[int], serve: Serve, name: str) -> None:
        self._serve, self._name = serve, name
        self._listeners = {port: socket.create_server((LOOPBACK, 0)) for port in remote_ports}
        self.numbers = {
            port: int(listener.getsockname()[1]) for port, listener in self._listeners.items()
        }
        self._lock = threading.Lock()
        self._clients: dict[threading.Thread, socket.socket] = {}
        self._is_closed = threading.Event()
        self._ear, self._bell = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept_all, name=name, daemon=True)
        self._acceptor.start()

    def _accept_all(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._ear, selectors.EVENT_READ)
            for port, listener in self._listeners.items():
                listener.setblocking(False)  # noqa: FBT003 # the socket's own signature
                selector.register(listener, selectors.EVENT_READ, port)
            while not self._is_closed.is_set():
                for key, _ in selector.select():
                    if key.data is not None:
                        self._accept(self._listeners[key.data], key.data)

    def _accept(self, listener: socket.socket, port: int) -> None:
        try:
            client, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # it has gone again
            return
        except OSError:
            self._is_closed.wait(BREATH_WALL_SECONDS)
            return
        client.setblocking(True)  # noqa: FBT003 # the socket's own signature
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(
            target=self._attend, args=(client, port), name=self._name, daemon=True
        )
        with self._lock:
            self._clients[thread] = client
        thread.start()

    def _attend(self, client: socket.socket, port: int) -> None:
        try:
            self._serve(client, port)
        finally:
            with self._lock:
                self._clients.pop(threading.current_thread(), None)
                client.close()

    def close(self) -> None:
        """Listen no more and cut what is connected; returns when every thread has ended.

        Whatever else the threads wait for must have been ended before.
        """
        self._is_closed.set()
        with contextlib.suppress(OSError):  # closed a second time
            self._bell.send(b"!")
        self._acceptor.join()
        with self._lock:
            clients = dict(self._clients)
            for client in clients.values():
                with contextlib.suppress(OSError):  # the client has gone already
                    client.shutdown(socket.SHUT_RDWR)
        for thread in clients:
            thread.join()
        for each in (*self._listeners.values(), self._ear, self._bell):
            each.close()


def reset(client: socket.socket) -> None:
    """End a connection so that the client sees a failure, not an answer that just ended early."""
    with contextlib.suppress(OSError):  # the client has gone
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
