"""Which port the Prefect server gets: the usual one or, where that is taken, a free one."""

from __future__ import annotations

import socket

from vmpool.errors import UsageError

HOST = "127.0.0.1"
USUAL_PORT = 4200
"""Prefect's own, which prefect.toml names: a plain `prefect` command finds the server there."""


def choose_port(wanted: int | None) -> int:
    """The port that a server gets.

    Args:
        wanted: this one and no other; the usual one, or a free one, when None.

    Raises:
        UsageError: the wanted one is taken.
    """
    if wanted is None:
        return USUAL_PORT if _is_free(USUAL_PORT) else _free_port()
    if not _is_free(wanted):
        raise UsageError(
            f"port {wanted} is taken by another program: name a free one with --port, "
            "or set PREFECT_API_URL to use a Prefect server that runs already"
        )
    return wanted


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
