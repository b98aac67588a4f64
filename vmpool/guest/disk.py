"""A VM's disk made fit to be an image: cleaned, deprovisioned, and searched for what is secret.

Deprovisioning promises to remove nothing of all this, so it is removed by name, and then looked
for: a secret in an image is a secret on every VM that is made from it.
"""

from __future__ import annotations

from vmpool.errors import GuestCommandError
from vmpool.guest.docker import DOCKER
from vmpool.guest.shell import Shell

HOST_KEY_KINDS = ("rsa", "ecdsa", "ed25519", "dsa")
HISTORIES = (".bash_history", ".python_history", ".lesshst", ".viminfo", ".wget-hsts")
LOGS = ("cloud-init.log", "cloud-init-output.log", "auth.log", "syslog", "waagent.log", "azure")
SECRETS = (
    ("/root", ".*_history"),
    ("/home", ".*_history"),
    ("/root", "authorized_keys"),
    ("/home", "authorized_keys"),
    ("/root", "config.json"),
    ("/home", "config.json"),
    ("/root", "id_*"),
    ("/home", "id_*"),
    ("/root", "*.pem"),
    ("/home", "*.pem"),
    ("/root", "msal_token_cache*"),
    ("/home", "msal_token_cache*"),
    ("/etc/ssh", "ssh_host_*"),
    ("/var/lib/cloud", "user-data*"),
    ("/var/lib/waagent", "ovf-env.xml"),
)
"""Folders and names of files that must not be on an image: histories, logins, Docker and Azure
credentials, host keys, and the user data with the builder's private host key."""


def clean(shell: Shell, username: str, timeout_seconds: float) -> None:
    """Remove what only costs space, and everything that `find_secrets` looks for.

    The open connection goes on; a new one is not let in any more.

    Args:
        shell: the VM.
        username: our login there.
        timeout_seconds: wall seconds for each command.

    Raises:
        GuestCommandError: something could not be removed.
        GuestUnreachableError: the connection was cut.
    """
    homes = ("/root", f"/home/{username}")
    shell.run([*DOCKER, "builder", "prune", "--all", "--force"], timeout_seconds)
    shell.run(["sudo", "apt-get", "clean"], timeout_seconds)
    for folder in ("/tmp", "/var/tmp"):  # noqa: S108 # the VM's
        shell.run(["sudo", "rm", "-rf", folder], timeout_seconds)
        shell.run(["sudo", "mkdir", "-m", "1777", folder], timeout_seconds)
    unwanted = [f"/var/log/{name}" for name in LOGS]
    unwanted += [f"{home}/{name}" for home in homes for name in (*HISTORIES, ".docker", ".azure")]
    unwanted += [f"{home}/.ssh/authorized_keys" for home in homes]
    shell.run(["sudo", "rm", "-rf", *unwanted], timeout_seconds)


def deprovision(shell: Shell, timeout_seconds: float) -> None:
    """Make the next boot a first boot: no host keys, no instance data.

    Without `+user`: that would delete the login's home, and `osProfile` of a new VM makes the
    login anew anyway.

    Args:
        shell: the VM.
        timeout_seconds: wall seconds for each command.

    Raises:
        GuestCommandError: a program failed.
        GuestUnreachableError: the connection was cut.
    """
    shell.run(["sudo", "cloud-init", "clean", "--logs"], timeout_seconds)
    shell.run(["sudo", "waagent", "-deprovision", "-force"], timeout_seconds)
    keys = [f"/etc/ssh/ssh_host_{kind}_key" for kind in HOST_KEY_KINDS]
    files = [*keys, *(f"{key}.pub" for key in keys), "/var/lib/waagent/ovf-env.xml"]
    shell.run(["sudo", "rm", "-f", *files], timeout_seconds)
    shell.run(["sync"], timeout_seconds)


def find_secrets(shell: Shell, timeout_seconds: float) -> list[str]:
    """Paths of files that must not be on an image.

    Args:
        shell: the VM.
        timeout_seconds: wall seconds for each command.

    Raises:
        GuestCommandError: a folder could not be searched.
        GuestUnreachableError: the connection was cut.
    """
    found: list[str] = []
    for folder, name in SECRETS:
        answer = shell.ask(["sudo", "find", folder, "-type", "f", "-name", name], timeout_seconds)
        if not answer.is_ok and "no such file" not in answer.err.lower():
            raise GuestCommandError(f"find {folder}: {answer.err.strip()}", answer.exit_code)
        found += answer.out.splitlines()
    return sorted(found)
