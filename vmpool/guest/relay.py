"""Carries bytes between a local connection and a channel of SSH until both directions have ended.

Each direction has a thread: with one for both, a client and a service that only write would hold
each other up for ever.
"""

from __future__ import annotations

import contextlib
import socket
import threading

import paramiko

BLOCK_BYTES = 32_768


def relay(client: socket.socket, channel: paramiko.Channel) -> bool:
    """Carry both directions; ends of one direction are passed on as such.

    Args:
        client: the local connection; left open.
        channel: closed afterwards.

    Returns:
        False when the SSH connection was lost on the way: the client must see a failure.
    """
    outward = threading.Thread(
        target=_carry_out,
        args=(client, channel),
        name=threading.current_thread().name,
        daemon=True,
    )
    outward.start()
    try:
        _carry_in(channel, client)
        is_whole = bool(channel.get_transport().is_active())
        if channel.closed or not is_whole:  # nothing that the client still says can arrive
            with contextlib.suppress(OSError):  # the client has gone
                client.shutdown(socket.SHUT_RDWR if is_whole else socket.SHUT_RD)
        outward.join()
    finally:
        channel.close()
    return is_whole and bool(channel.get_transport().is_active())


def _carry_in(channel: paramiko.Channel, client: socket.socket) -> None:
    try:
        while data := channel.recv(BLOCK_BYTES):
            client.sendall(data)
        if channel.get_transport().is_active():
            client.shutdown(socket.SHUT_WR)
    except OSError:  # the client has gone: the service may know
        channel.close()
        with contextlib.suppress(OSError):  # same
            client.shutdown(socket.SHUT_RDWR)


def _carry_out(client: socket.socket, channel: paramiko.Channel) -> None:
    try:
        while data := client.recv(BLOCK_BYTES):
            channel.sendall(data)
        channel.shutdown_write()
    except (OSError, EOFError, paramiko.SSHException):  # one of the two sides has gone
        channel.close()
