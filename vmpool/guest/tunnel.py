"""A tunnel from free local ports to services on a VM's loopback, which outlives its connection.

A VM that is restarted, or a connection that is cut, costs the connections that are going through
and nothing else: the local ports stay, and the tunnel connects again by itself, but only ever to
the machine with the recorded host key. A client that comes meanwhile is held for some seconds and
then cut: it never talks to something half dead.
"""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Self

import paramiko

from vmpool.errors import GuestUnreachableError, HostKeyError
from vmpool.guest.connection import Address
from vmpool.guest.link import CHECK_WALL_SECONDS, Link, answers
from vmpool.guest.local_ports import LOOPBACK, LocalPorts, reset
from vmpool.guest.relay import relay

HOLD_WALL_SECONDS = 5.0
"""How long a new client waits for a connection that is down, or for the VM to open its channel."""
RETRY_WALL_SECONDS = (0.5, 1.0, 2.0, 5.0)
"""Before each new try, the last one again and again: a VM takes a minute to restart."""


class TunnelState(StrEnum):
    """How a tunnel is."""

    OPEN = "open"
    DOWN = "down"
    """Its connection was lost; it is connecting again."""
    REFUSED = "refused"
    """Another machine answers in the VM's place: it has ended, its ports are closed."""
    CLOSED = "closed"


Listener = Callable[[TunnelState, str], None]
"""Told of OPEN (again), DOWN and REFUSED with the reason in a line, on a thread of the tunnel's."""


def _nobody(_state: TunnelState, _reason: str) -> None:
    """Nobody listens."""


class Tunnel:
    """Open from its construction until `close`; any thread may use it.

    Args:
        address: the VM.
        remote_ports: ports of services there, all over one connection.
        listener: told when the connection is lost and when it is back.

    Attributes:
        local_ports: local port by remote port; 127.0.0.1 only.

    Raises:
        GuestUnreachableError: the VM can't be reached.
        HostKeyError: another machine answers there.
    """

    def __init__(self, address: Address, *remote_ports: int, listener: Listener = _nobody) -> None:
        self._ip, self._listener = address.ip, listener
        self._is_over = threading.Event()
        self._changed = threading.Condition()
        self._state = TunnelState.OPEN
        self._link = Link(address)
        self._transport: paramiko.Transport | None = self._link.open()
        name = f"tunnel to {address.ip}"
        try:
            self._ports = LocalPorts(remote_ports, self._serve, name)
        except BaseException:
            self._link.close()
            raise
        self.local_ports = self._ports.numbers
        self._keeper = threading.Thread(
            target=self._keep, args=(self._transport,), name=name, daemon=True
        )
        self._keeper.start()

    @property
    def local_port(self) -> int:
        """Local port of the first remote port."""
        return next(iter(self.local_ports.values()))

    @property
    def state(self) -> TunnelState:
        """How it is now."""
        with self._changed:
            return self._state

    def close(self) -> None:
        """Close it; what was still going through is cut. No thread of it is left."""
        self._is_over.set()
        self._link.close()
        self._become(TunnelState.CLOSED, None)
        self._ports.close()
        if threading.current_thread() is not self._keeper:
            self._keeper.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self, transport: paramiko.Transport) -> None:
        """Watch the connection, and make a new one when it is lost, until the end."""
        current: paramiko.Transport | None = transport
        while current is not None:
            why = self._watch(current)
            if self._is_over.is_set():
                return
            self._become(TunnelState.DOWN, None)
            self._listener(TunnelState.DOWN, why)
            current = self._connect_again()
            if current is not None and self._become(TunnelState.OPEN, current):
                self._listener(TunnelState.OPEN, "connected again")

    def _watch(self, transport: paramiko.Transport) -> str:
        """Wait until the connection is lost; why it was."""
        while transport.is_active():
            transport.join(CHECK_WALL_SECONDS)  # the thread that reads it
            if self._is_over.is_set():
                break
            if transport.is_active() and not answers(transport) and transport.is_active():
                self._link.drop()
                return "the VM does not answer any more"
        return "the connection was cut"

    def _connect_again(self) -> paramiko.Transport | None:
        """A new connection; None when the tunnel has ended."""
        last = itertools.repeat(RETRY_WALL_SECONDS[-1])
        for delay in itertools.chain(RETRY_WALL_SECONDS, last):
            if self._is_over.wait(delay):
                break
            try:
                return self._link.open()
            except GuestUnreachableError:  # not yet
                continue
            except HostKeyError as error:
                self._become(TunnelState.REFUSED, None)
                self._ports.close()
                self._listener(TunnelState.REFUSED, str(error))
                break
        return None

    def _become(self, state: TunnelState, transport: paramiko.Transport | None) -> bool:
        """Change the state; whether it was changed: what is closed stays closed."""
        with self._changed:
            if self._state is TunnelState.CLOSED:
                return False
            self._state, self._transport = state, transport
            self._changed.notify_all()
        return True

    def _serve(self, client: socket.socket, remote_port: int) -> None:
        """One local connection, from its beginning to its end."""
        channel = self._open_channel(client, remote_port)
        if channel is None or not relay(client, channel):
            reset(client)

    def _open_channel(self, client: socket.socket, remote_port: int) -> paramiko.Channel | None:
        """A channel to the service; None when nobody listens there or the VM is not to be had."""
        with self._changed:
            self._changed.wait_for(self._is_settled, HOLD_WALL_SECONDS)
            transport = self._transport
        if transport is None:
            return None
        there, here = (LOOPBACK, remote_port), client.getsockname()
        try:
            return transport.open_channel("direct-tcpip", there, here, timeout=HOLD_WALL_SECONDS)
        except (paramiko.SSHException, EOFError, OSError):
            return None

    def _is_settled(self) -> bool:
        return self._state is not TunnelState.DOWN
