"""Start, stop and look at a local Azure that runs as a process of its own.

What `python -m local_azure` and other programs use. Refuses to guess: whether a server runs is
decided by the lock on its state folder, never by a process id alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

START_WALL_SECONDS = 30.0
STOP_WALL_SECONDS = 15.0
POLL_WALL_SECONDS = 0.03
OWN = (
    "status.json", "ports.json", "clock.json", "lock", "server.log", "cloud.sqlite",
    "cloud.sqlite-wal", "cloud.sqlite-shm", "token.key", "ca.pem", "server.pem", "server.key",
    "disks", "temp", "images", "registries",
)  # fmt: skip
"""What a state folder holds; `reset` removes nothing else."""


class LocalAzureError(Exception):
    """The local Azure could not be started, stopped or asked."""


@dataclass(frozen=True)
class Status:
    """Where a running local Azure is and how to get in.

    Attributes:
        endpoint: `https://127.0.0.1:PORT`; Resource Manager, sign-in authority and token audience.
        ca_file: CA certificate to trust.
        tenant_id: tenant of the service principal.
        client_id: its application id.
        client_secret: its secret.
        subscription_id: the one subscription.
        resource_group: a group that exists from the start.
        ssh_port: port of every guest's sshd.
        state_dir: where everything is kept.
        speed: cloud seconds per wall second.
        pid: process id.
        my_address_url: answers the caller's address as plain text.
        admin_token: value of the header `x-local-admin` for `/_local/`.
        prices_url: the retail price list, as on prices.azure.com.
        registry_mirror: `{registry_mirror}/{host}/v2/` stands for `https://{host}/v2/` of the
            public registries; read only, no login.
    """

    endpoint: str
    ca_file: str
    tenant_id: str
    client_id: str
    client_secret: str
    subscription_id: str
    resource_group: str
    ssh_port: int
    state_dir: str
    speed: float
    pid: int
    my_address_url: str
    admin_token: str
    prices_url: str
    registry_mirror: str


@dataclass(frozen=True)
class Wanted:
    """How a server shall run.

    Attributes:
        port: HTTPS port; the one used before or a free one when None.
        ssh_port: the guests' SSH port; likewise.
        speed: cloud seconds per wall second.
        profile: durations file; None for the default.
        guests: what runs inside VMs: `simulated` or `none`.
        registries: what keeps the content of container registries: Debian's `docker-registry`, our
            `own`, or `auto`: the former where it is installed.
    """

    port: int | None = None
    ssh_port: int | None = None
    speed: float = 60.0
    profile: Path | None = None
    guests: str = "simulated"
    registries: str = "auto"


def start(
    state_dir: Path, port: int | None = None, ssh_port: int | None = None, speed: float = 60.0
) -> Status:
    """Start a detached server; see `launch`."""
    return launch(state_dir, Wanted(port, ssh_port, speed))


def launch(state_dir: Path, wanted: Wanted) -> Status:
    """Start a detached server; one that runs already is left alone.

    Args:
        state_dir: state folder, made when missing.
        wanted: how it shall run.

    Raises:
        LocalAzureError: it did not come up; the message holds the end of its log.
    """
    running = status(state_dir)
    if running:
        return running
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [sys.executable, "-m", "local_azure", "serve", "--state", str(state_dir)]
    for name, value in asdict(wanted).items():
        command += [f"--{name.replace('_', '-')}", str(value)] if value is not None else []
    return _wait_until_ready(state_dir, spawn(command, state_dir / "server.log"))


def spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a detached process whose outputs go to the end of a file.

    Args:
        command: program and arguments.
        log: the file, made when missing.
    """
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603 # our own interpreter and module
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )


def stop(state_dir: Path) -> None:
    """Stop a server in order; none that runs is fine.

    Raises:
        LocalAzureError: it does not end.
    """
    running = _document(state_dir)  # of another version too
    if running is None:
        return
    pid = int(running["pid"])
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_WALL_SECONDS
    while _is_locked(state_dir) or _is_process(pid):  # it lets go a moment before it ends
        if time.monotonic() > deadline:
            raise LocalAzureError(f"process {pid} does not stop")
        time.sleep(POLL_WALL_SECONDS)


def status(state_dir: Path) -> Status | None:
    """Where the server of a folder is, or None when none runs.

    Raises:
        LocalAzureError: it was started by another version of this project.
    """
    document = _document(state_dir)
    if document is None:
        return None
    missing = [field.name for field in fields(Status) if field.name not in document]
    if missing:
        raise LocalAzureError(
            f"the local Azure that runs (process {document['pid']}) is of another version: "
            "oa-vm local stop, then the same again"
        )
    return Status(**{field.name: document[field.name] for field in fields(Status)})


def _document(state_dir: Path) -> dict[str, Any] | None:
    if not _is_locked(state_dir):
        return None
    try:
        document: dict[str, Any] = json.loads((state_dir / "status.json").read_text())
    except FileNotFoundError:
        return None
    return document


def reset(state_dir: Path) -> None:
    """Stop the server and remove everything that it keeps."""
    stop(state_dir)
    for name in OWN:
        path = state_dir / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def meter(state_dir: Path) -> dict[str, Any]:
    """The true cost of every resource so far.

    Raises:
        LocalAzureError: no server runs.
    """
    running = status(state_dir)
    if running is None:
        raise LocalAzureError(f"no local Azure runs on {state_dir}")
    return ask(running, "GET", "/_local/meter")


def ask(
    running: Status, method: str, path: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Use one of the server's `/_local/` helpers.

    Args:
        running: the server.
        method: HTTP method.
        path: e.g. `/_local/clock`.
        body: JSON body.

    Raises:
        LocalAzureError: it refuses or cannot be reached.
    """
    request = urllib.request.Request(  # noqa: S310 # the endpoint is https on 127.0.0.1
        running.endpoint + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"x-local-admin": running.admin_token, "content-type": "application/json"},
        method=method,
    )
    trust = ssl.create_default_context(cafile=running.ca_file)
    try:
        with urllib.request.urlopen(request, context=trust, timeout=60) as answer:  # noqa: S310 # same
            document: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        raise LocalAzureError(f"{method} {path}: {error.read().decode()}") from error
    except OSError as error:
        raise LocalAzureError(f"{method} {path}: {error}") from error
    return document


def _wait_until_ready(state_dir: Path, process: subprocess.Popen[bytes]) -> Status:
    deadline = time.monotonic() + START_WALL_SECONDS
    while time.monotonic() < deadline:
        found = status(state_dir)
        if found and found.pid == process.pid:
            return found
        if process.poll() is not None:
            other = status(state_dir)
            if other:
                return other
            raise LocalAzureError(f"the local Azure did not start:\n{_log_tail(state_dir)}")
        time.sleep(POLL_WALL_SECONDS)
    process.kill()
    raise LocalAzureError(f"the local Azure did not come up in time:\n{_log_tail(state_dir)}")


def _log_tail(state_dir: Path) -> str:
    lines = (state_dir / "server.log").read_text(errors="replace").splitlines()
    return "\n".join(lines[-15:])


def _is_process(pid: int) -> bool:
    """Whether a process lives; one of our own that has ended is laid to rest."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _is_locked(state_dir: Path) -> bool:
    if not (state_dir / "lock").exists():
        return False
    import fcntl  # noqa: PLC0415 # beside its only use

    with (state_dir / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
