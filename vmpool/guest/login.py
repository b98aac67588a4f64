"""A Docker login on a VM for as long as it is needed: in memory only, never on the OS disk.

Docker keeps a login in a file, in the clear. Here that file is below /run, which is memory, in a
folder of root's that is removed as soon as the pull or push has ended.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vmpool.errors import CredentialsError, GuestCommandError, TransientError, VmPoolError
from vmpool.guest.docker import NETWORK_WORDS, as_user
from vmpool.guest.shell import Shell

REFUSALS = ("unauthorized", "denied")


@contextmanager
def logged_in(
    shell: Shell, host: str, user: str, password: str, timeout_seconds: float
) -> Iterator[str]:
    """Log in to a registry; log out at the end, however it ends.

    Args:
        shell: the VM.
        host: the registry.
        user: user name.
        password: goes through standard input: in no argument, no file on a disk, no log.
        timeout_seconds: wall seconds for each command.

    Yields:
        The folder of the login, for `docker --config`.

    Raises:
        CredentialsError: the registry refuses the password.
        TransientError: the VM or the registry can't be reached.
    """
    folder = f"/run/waa-login-{secrets.token_hex(8)}"
    login = [*as_user(folder), "login", "--username", user, "--password-stdin", host]
    try:
        try:
            shell.feed(login, password, timeout_seconds)
        except GuestCommandError as error:
            raise _translated(host, error) from error
        yield folder
    finally:
        with suppress(VmPoolError):  # a VM that is gone has forgotten it: /run is memory
            shell.run(["sudo", "rm", "-rf", folder], timeout_seconds)


def _translated(host: str, error: GuestCommandError) -> VmPoolError:
    words = error.stderr.lower()
    if any(word in words for word in REFUSALS):
        return CredentialsError(f"registry {host} refuses the login: {error.stderr}")
    is_moment = any(word in words for word in NETWORK_WORDS)
    return TransientError(str(error)) if is_moment else error
