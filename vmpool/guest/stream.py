"""Runs a program on a VM and hands on what it prints as it comes; for people who look on."""

from __future__ import annotations

import selectors
import shlex
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

import paramiko

from vmpool.errors import GuestUnreachableError
from vmpool.guest.connection import CONNECT_WALL_SECONDS, Address, translated
from vmpool.guest.link import CHECK_WALL_SECONDS, Link, answers

POLL_WALL_SECONDS = 0.2
"""How soon a wish to end is noticed."""
BLOCK_BYTES = 32_768


class Source(StrEnum):
    """Where bytes came from."""

    OUT = "stdout"
    ERR = "stderr"


Hear = Callable[[Source, bytes], None]


def _never() -> bool:
    return False


def stream(
    address: Address,
    argv: Sequence[str],
    hear: Hear,
    is_enough: Callable[[], bool] = _never,
    fed: bytes = b"",
) -> int | None:
    """Run a program over a connection of its own.

    Args:
        address: the VM, and which host key to expect.
        argv: program and arguments; they arrive as they are.
        hear: called with every piece of output, in order, on this thread; raises no OSError.
        is_enough: asked several times a second, also while nothing comes; once it says so, the
            connection is cut and the program with it.
        fed: all of its standard input; small enough for one window of SSH (2 MB).

    Returns:
        Its exit code; None when it was enough.

    Raises:
        GuestUnreachableError: the VM can't be reached, does not answer any more, or was cut.
        HostKeyError: another machine answers there.
    """
    link = Link(address)
    try:
        with translated(address.ip):
            transport = link.open()
            channel = transport.open_session(timeout=CONNECT_WALL_SECONDS)
            channel.exec_command(shlex.join(argv))
            channel.sendall(fed)
            channel.shutdown_write()
            if not _listen(channel, hear, is_enough):
                return None
            code = int(channel.recv_exit_status())
        if code < 0:
            raise GuestUnreachableError(f"SSH of {address.ip} was cut during: {shlex.join(argv)}")
        return code
    finally:
        link.close()


def _listen(channel: paramiko.Channel, hear: Hear, is_enough: Callable[[], bool]) -> bool:
    """Hand on the output to its end; whether that came by itself."""
    heard_at = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        while not is_enough():
            is_over = channel.eof_received or channel.closed  # asked before what is left is read
            if selector.select(0 if is_over else POLL_WALL_SECONDS) and _drain(channel, hear):
                heard_at = time.monotonic()
            elif is_over:
                return True
            elif time.monotonic() - heard_at > CHECK_WALL_SECONDS:
                _check(channel)
                heard_at = time.monotonic()
    return False


def _drain(channel: paramiko.Channel, hear: Hear) -> bool:
    """Hand on what is there; whether anything was."""
    is_any = False
    while channel.recv_ready():
        hear(Source.OUT, channel.recv(BLOCK_BYTES))
        is_any = True
    while channel.recv_stderr_ready():
        hear(Source.ERR, channel.recv_stderr(BLOCK_BYTES))
        is_any = True
    return is_any


def _check(channel: paramiko.Channel) -> None:
    """A program may be silent; the VM must not be."""
    if not answers(channel.get_transport()):
        raise EOFError("the VM does not answer any more")
