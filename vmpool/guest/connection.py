"""Opens SSH connections: one host key is right, every other one is refused.

fabric alone would believe any key of a host that it does not know (AutoAddPolicy), and would read
a person's ssh configuration, agent and known hosts; none of that has a say here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import fabric
import paramiko
from invoke.exceptions import ThreadException

from vmpool.errors import GuestUnreachableError, HostKeyError

CONNECT_WALL_SECONDS = 10.0
"""For TCP, banner and login together on a healthy network; a booting VM is simply asked again."""
KEEPALIVE_WALL_SECONDS = 30
"""Azure's load balancers drop idle flows after four minutes."""
SSH_PORT = 22

# Every failure is translated into one line; paramiko would log a traceback for each refused try.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Address:
    """Where a worker's sshd is, and how it is to be known.

    Attributes:
        ip: its address.
        port: sshd's port.
        username: login.
        key_file: our private key.
        host_key: the one host key that it must show, `ssh-ed25519 AAAA...`.
    """

    ip: str
    port: int
    username: str
    key_file: Path
    host_key: str

    @property
    def known_host(self) -> str:
        """Its name in a known-hosts file: ports other than 22 are part of it."""
        return self.ip if self.port == SSH_PORT else f"[{self.ip}]:{self.port}"


def make_connection(address: Address) -> fabric.Connection:
    """A connection that is not yet open; it opens at its first use.

    Args:
        address: where to, and which host key to expect.
    """
    connection = fabric.Connection(
        address.ip,
        user=address.username,
        port=address.port,
        config=_configuration(),
        connect_timeout=CONNECT_WALL_SECONDS,
        connect_kwargs=login_options(address),
    )
    connection.client = strict_client(address)
    return connection


def login_options(address: Address) -> dict[str, Any]:
    """How to log in, as paramiko's `connect` takes it: our key and nothing else."""
    return {
        "key_filename": str(address.key_file),
        "look_for_keys": False,
        "allow_agent": False,
        "banner_timeout": CONNECT_WALL_SECONDS,
        "auth_timeout": CONNECT_WALL_SECONDS,
    }


def open_connection(connection: fabric.Connection) -> None:
    """Open it unless it is open."""
    if not connection.is_connected:
        connection.open()
        connection.transport.set_keepalive(KEEPALIVE_WALL_SECONDS)


def feed(connection: fabric.Connection, command: str, content: bytes) -> tuple[int, bytes, bytes]:
    """Run a command that reads `content`; fabric's own way takes 10 ms for each byte of it.

    Args:
        connection: open, and `limited`.
        command: for the VM's shell.
        content: all of its standard input; small enough for one window of SSH (2 MB).

    Returns:
        Exit code, standard output, standard error.

    Raises:
        OSError: the connection was cut.
    """
    with connection.transport.open_session() as channel:
        channel.exec_command(command)
        channel.sendall(content)
        channel.shutdown_write()
        out = channel.makefile("rb").read()
        err = channel.makefile_stderr("rb").read()
        exit_code = channel.recv_exit_status()
        if exit_code < 0:
            raise EOFError(f"cut during: {command}")
        return exit_code, out, err


@contextmanager
def limited(connection: fabric.Connection, seconds: float) -> Iterator[None]:
    """Cut an open connection whose use takes too long: a frozen VM keeps it open for ever.

    paramiko waits without any limit for a channel, a subsystem and each answer to SFTP, so its own
    timeouts do not do.

    Args:
        connection: open.
        seconds: wall seconds for all of the block.

    Raises:
        GuestUnreachableError: the time was up.
    """
    is_late = threading.Event()
    transport = connection.transport

    def cut() -> None:
        is_late.set()
        transport.close()

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    trouble: Exception | None = None
    try:
        yield
    except Exception as error:
        if not is_late.is_set():
            raise
        trouble = error
    finally:
        timer.cancel()
    if is_late.is_set():
        raise GuestUnreachableError(
            f"{connection.host} did not answer in {seconds:g} s"
        ) from trouble


@cache
def _configuration() -> fabric.Config:
    return fabric.Config(overrides={"load_ssh_configs": False})


def strict_client(address: Address) -> paramiko.SSHClient:
    """A client that is not yet open and believes the recorded host key only."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(_Refuse())
    entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{address.known_host} {address.host_key}")
    if entry and entry.key:
        client.get_host_keys().add(address.known_host, entry.key.get_name(), entry.key)
    return client


class _Refuse(paramiko.MissingHostKeyPolicy):  # type: ignore[misc] # paramiko ships no types
    """No key was recorded, or it was shown none of the recorded kind."""

    def missing_host_key(
        self, _client: paramiko.SSHClient, hostname: str, _key: paramiko.PKey
    ) -> None:
        raise HostKeyError(_stranger(hostname))


def _stranger(host: str) -> str:
    return (
        f"{host} shows another SSH host key than the one recorded in the worker's tags: this is "
        "not our VM; nothing was sent to it"
    )


@contextmanager
def translated(host: str) -> Iterator[None]:
    """Turn what fabric, invoke and paramiko raise into our errors, chained.

    Args:
        host: whom we spoke to, for messages.

    Raises:
        HostKeyError: another host key than the recorded one.
        GuestUnreachableError: everything else: refused, cut, timed out, not let in (yet).
    """
    try:
        yield
    except (HostKeyError, GuestUnreachableError):
        raise
    except paramiko.BadHostKeyException as error:
        raise HostKeyError(_stranger(host)) from error
    except paramiko.AuthenticationException as error:
        raise GuestUnreachableError(f"{host} does not let our SSH key in") from error
    except (OSError, EOFError, paramiko.SSHException, ThreadException) as error:
        raise GuestUnreachableError(f"SSH of {host}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """One line of why."""
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        error = next(iter(error.errors.values()))
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    return (str(error) or type(error).__name__).splitlines()[0]
