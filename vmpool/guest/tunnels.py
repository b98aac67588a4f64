"""Tunnels to many VMs at once: opened side by side, looked up by worker and port, closed together.

Blocking, like all of `vmpool.guest`: from a coroutine, open and close them in a thread
(`asyncio.to_thread`, or a session's `call`); between that, only the local addresses are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from vmpool.errors import VmPoolError
from vmpool.guest.connection import Address
from vmpool.guest.local_ports import LOOPBACK
from vmpool.guest.tunnel import Tunnel, TunnelState

MOST_AT_ONCE = 32
"""Connections being opened at once: a pool of 100 is there in some seconds."""

Listener = Callable[[str, TunnelState, str], None]
"""(worker, state, reason): told on a thread of that tunnel's; see `tunnel.Listener`."""


def _nobody(_worker: str, _state: TunnelState, _reason: str) -> None:
    """Nobody listens."""


@dataclass
class Tunnels:
    """Open tunnels by worker; a context manager that closes them.

    Attributes:
        opened: the tunnels.
        failures: why there is none, for workers that could not be reached.
    """

    opened: dict[str, Tunnel] = field(default_factory=dict)
    failures: dict[str, VmPoolError] = field(default_factory=dict)

    @property
    def local(self) -> dict[str, dict[int, str]]:
        """`{worker: {remote port: "127.0.0.1:PORT"}}`; it holds as long as the tunnels do."""
        return {
            worker: {port: f"{LOOPBACK}:{local}" for port, local in tunnel.local_ports.items()}
            for worker, tunnel in self.opened.items()
        }

    def open(
        self, addresses: Mapping[str, Address], ports: Sequence[int], listener: Listener = _nobody
    ) -> None:
        """Open one tunnel for each worker; a worker that can't be reached holds no other one up.

        Args:
            addresses: where each worker's sshd is, by worker name.
            ports: remote ports, the same on each worker, such as WAA's 5000 and the desktop's 8006.
            listener: told when a connection is lost and when it is back.
        """

        def open_one(worker: str) -> None:
            try:
                tunnel = Tunnel(addresses[worker], *ports, listener=partial(listener, worker))
            except VmPoolError as error:
                self.failures[worker] = error
            else:
                self.opened[worker] = tunnel

        if addresses:
            with ThreadPoolExecutor(min(len(addresses), MOST_AT_ONCE)) as threads:
                list(threads.map(open_one, addresses))

    def close(self) -> None:
        """Close all; returns when no thread of them is left."""
        if self.opened:
            with ThreadPoolExecutor(min(len(self.opened), MOST_AT_ONCE)) as threads:
                list(threads.map(Tunnel.close, self.opened.values()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_tunnels(
    addresses: Mapping[str, Address], ports: Sequence[int], listener: Listener = _nobody
) -> Tunnels:
    """Open one tunnel for each worker, see `Tunnels.open`; if that fails none is left open."""
    made = Tunnels()
    try:
        made.open(addresses, ports, listener)
    except BaseException:
        made.close()
        raise
    return made
