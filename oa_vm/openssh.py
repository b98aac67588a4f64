"""The system's OpenSSH client, told to believe one host key and to use one key of ours.

It reads no configuration of the user's, asks for no password and remembers nothing.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vmpool.errors import PermanentError
from vmpool.guest.connection import CONNECT_WALL_SECONDS, KEEPALIVE_WALL_SECONDS, Address
from vmpool.guest.link import Link

LEFT_TO_SSH = (signal.SIGINT, signal.SIGQUIT)
"""A terminal sends them to both of us; it is the client that acts on them."""


def run_ssh(address: Address, command: Sequence[str]) -> int:
    """Run the client at this terminal until it ends.

    Args:
        address: the VM, and which host key to expect.
        command: words for the VM's shell, as ssh takes them; a session when empty.

    Returns:
        Its exit code: the remote program's, or 255 when the connection failed.

    Raises:
        PermanentError: no ssh client is installed.
        GuestUnreachableError: the VM can't be reached.
        HostKeyError: another machine answers there.
    """
    program = shutil.which("ssh")
    if program is None:
        raise PermanentError(
            "there is no ssh program here: install the OpenSSH client (openssh-client), "
            "or use oa-vm pool-exec, which needs none"
        )
    _check_in_few_words(address)
    with tempfile.TemporaryDirectory(prefix="oa-vm-ssh-") as folder:  # only its owner may enter
        known_hosts = Path(folder) / "known_hosts"
        known_hosts.write_text(f"{address.known_host} {address.host_key}\n")
        argv = [program, *_options(address, known_hosts), "--", address.ip, *command]
        with _signals_left_to_ssh():
            code = subprocess.run(argv, check=False).returncode  # noqa: S603 # found on the PATH
    return code if code >= 0 else 128 - code  # as shells count: ended by a signal


def _check_in_few_words(address: Address) -> None:
    """Say in a line what the client would say in a page, with advice that does not fit here."""
    link = Link(address)
    try:
        link.open()
    finally:
        link.close()


def _options(address: Address, known_hosts: Path) -> list[str]:
    settings = {
        "UserKnownHostsFile": f'"{known_hosts}"',
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlgorithms": address.host_key.partition(" ")[0],
        "UpdateHostKeys": "no",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "ConnectTimeout": f"{CONNECT_WALL_SECONDS:.0f}",
        "ServerAliveInterval": str(KEEPALIVE_WALL_SECONDS),
    }
    options = ["-F", "none", "-i", str(address.key_file)]
    options += ["-p", str(address.port), "-l", address.username]
    return options + [word for item in settings.items() for word in ("-o", "=".join(item))]


@contextmanager
def _signals_left_to_ssh() -> Iterator[None]:
    """Not ignored but handled by nothing: what is ignored would be so in the client too."""
    before = {number: signal.signal(number, lambda *_: None) for number in LEFT_TO_SSH}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
