"""Cloud-init: what a new VM is told to do by itself while it boots, and how far it is.

The document is JSON, which is YAML too: nothing needs quoting rules of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from vmpool.errors import GuestCommandError
from vmpool.guest.keys import HostKey
from vmpool.guest.shell import Shell
from vmpool.settings import Settings

DOCKER_PACKAGE = "docker.io"
"""Ubuntu's own package of Docker Engine: signed by the image's keyring, no further repository."""


@dataclass(frozen=True)
class Status:
    """How far cloud-init is.

    Attributes:
        is_done: it has ended.
        is_failed: it has ended with an error.
        detail: its own words, "" when there is nothing to say.
    """

    is_done: bool
    is_failed: bool
    detail: str


def user_data(settings: Settings, host_key: HostKey) -> str:
    """What a new VM is told.

    Args:
        settings: where Docker keeps its images and Windows its disk: both on the OS disk, because
            deallocate wipes the temp disk.
        host_key: the host key that the VM shall show.

    Returns:
        A cloud-config document; it holds the private host key.
    """
    daemon = {
        "data-root": settings.docker_data_root,
        "log-driver": "local",  # rotates by itself: a container's log never fills the disk
    }
    document: dict[str, Any] = {
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": host_key.private_pem,
            "ed25519_public": host_key.public_line,
        },
        "apt": {"conf": 'Acquire::Retries "5";\nDPkg::Lock::Timeout "300";\n'},
        "package_update": True,
        "packages": [DOCKER_PACKAGE],
        "write_files": [{"path": "/etc/docker/daemon.json", "content": json.dumps(daemon)}],
        "runcmd": [["mkdir", "-p", settings.storage_path]],
    }
    return "#cloud-config\n" + json.dumps(document, indent=1) + "\n"


def status(shell: Shell, timeout_seconds: float) -> Status:
    """Ask how far cloud-init is.

    Args:
        shell: the VM.
        timeout_seconds: wall seconds for the question.

    Raises:
        GuestCommandError: it can't be asked.
        GuestUnreachableError: the VM can't.
    """
    answer = shell.ask(["cloud-init", "status", "--format", "json"], timeout_seconds)
    try:
        told = json.loads(answer.out)
    except ValueError as error:
        words = (answer.err or answer.out).strip()[-200:]
        raise GuestCommandError(f"cloud-init status: {words}", answer.exit_code, words) from error
    return decode(told)


def decode(told: dict[str, Any]) -> Status:
    """What `cloud-init status --format json` says.

    Warnings ("degraded") are no failure: an unknown key of a later release must not cost a VM.
    """
    state = str(told.get("status", ""))
    errors = "; ".join(str(item) for item in told.get("errors") or [])
    detail = errors or str(told.get("detail", ""))
    return Status(
        is_done=state in ("done", "error", "disabled"),
        is_failed=state == "error",
        detail=" ".join(detail.split())[-300:],
    )
