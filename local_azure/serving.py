"""How the local Azure listens: sockets on 127.0.0.1 and a server without idle work.

Used for Resource Manager and for each container registry. Refuses every other address.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

HOST = "127.0.0.1"
KEEP_ALIVE_WALL_SECONDS = 300
"""Longer than clients keep idle connections, so that none is closed under a request."""
BACKLOG = 2048
GRACE_WALL_SECONDS = 3


class QuietServer(uvicorn.Server):
    """uvicorn without its ten ticks a second: it waits until it is told to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self._told.wait()
        self.should_exit = True

    async def run_on(self, listener: socket.socket) -> None:
        """Serve until told to stop; leaves the process's signal handlers alone."""
        await self._serve([listener])  # `serve` would install uvicorn's own signal handlers

    def tell(self) -> None:
        """Stop in order; idle connections are cut, their clients would not answer a TLS goodbye."""
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            transport = getattr(connection, "transport", None)
            if transport and (cycle is None or cycle.response_complete):
                transport.abort()
        self._told.set()


def make_server(app: Starlette, chain: Path, key: Path) -> QuietServer:
    """A server of `app` over TLS.

    Args:
        app: what it serves.
        chain: file of the server's certificate chain.
        key: file of its key.
    """
    return QuietServer(
        uvicorn.Config(
            app,
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
    )


def listen(port: int = 0) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    # With the protocol named, asyncio turns off Nagle's algorithm on what it accepts; without, each
    # answer in two writes waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(BACKLOG)  # who was told the port can connect: it waits, not fails
    except OSError:
        listener.close()
        raise
    return listener
