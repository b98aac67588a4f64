"""Windows in its container: started, asked, powered off in order. dockur's rules stand here.

Windows counts as installed only while `windows.boot` lies beside its disk, and dockur writes that
marker only when QEMU has ended by itself. `docker stop` may never reach QEMU, so Windows is asked
through QEMU's monitor to power off, and the container ends by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from vmpool.errors import GuestCommandError
from vmpool.guest.docker import DOCKER
from vmpool.guest.shell import Shell
from vmpool.settings import Settings

CONTAINER = "winarena"
"""The seed's name; people type `docker logs winarena`."""
WAA_PORT = 5000
"""WAA's server inside Windows; `/probe` answers once it is up."""
VIEWER_PORT = 8006
"""dockur's view of the screen in a browser."""
STOP_SECONDS = 120
"""dockur itself waits 105 s for Windows; Docker must not be quicker."""
PROBE_SECONDS = 5
MONITOR = "nc -U -w 2 /run/shm/monitor.sock"
"""QEMU's human monitor, for a shell in the container: its socket, as dockur's own scripts use it.
The path in full: their `$QEMU_DIR` is a variable of a shell, which a program that `docker exec`
starts does not have."""
POWER_BUTTON = f"echo system_powerdown | {MONITOR}"
MARKER = "windows.boot"
DISK_PATTERN = "data."
"""dockur names the Windows disk data.img or data.qcow2."""


@dataclass(frozen=True)
class Container:
    """The Windows container as it is.

    Attributes:
        image_id: id of the image it was made from.
        status: Docker's word: created, running, exited, ...
        exit_code: of its last end.
    """

    image_id: str
    status: str
    exit_code: int

    @property
    def is_running(self) -> bool:
        """Whether QEMU may be running inside."""
        return self.status in ("running", "restarting", "paused")


@dataclass(frozen=True)
class Storage:
    """What lies beside the Windows disk.

    Attributes:
        has_disk: a Windows disk is there.
        has_marker: dockur takes it as installed.
    """

    has_disk: bool
    has_marker: bool


def container(shell: Shell, timeout_seconds: float) -> Container | None:
    """The container, None if there is none.

    Args:
        shell: the VM.
        timeout_seconds: wall seconds for the question.

    Raises:
        GuestCommandError: Docker can't be asked.
    """
    question = [*DOCKER, "container", "inspect", "--format", "{{json .}}", CONTAINER]
    answer = shell.ask(question, timeout_seconds)
    if answer.is_ok:
        return _decode(json.loads(answer.out))
    if "no such container" in answer.err.lower():
        return None
    raise GuestCommandError(f"docker container inspect: {answer.err.strip()}", answer.exit_code)


def _decode(document: dict[str, Any]) -> Container:
    state = document["State"]
    return Container(document["Image"], state["Status"], int(state.get("ExitCode", 0)))


def create(shell: Shell, settings: Settings, image: str, timeout_seconds: float) -> None:
    """Make and start the container.

    Args:
        shell: the VM.
        settings: where the Windows disk lies.
        image: what to run.
        timeout_seconds: wall seconds for the command.

    Raises:
        GuestCommandError: Docker refused.
    """
    options = ["--detach", "--name", CONTAINER, "--stop-timeout", str(STOP_SECONDS)]
    options += ["--device", "/dev/kvm", "--device", "/dev/net/tun", "--cap-add", "NET_ADMIN"]
    for port in (WAA_PORT, VIEWER_PORT):  # loopback only: the way in is a tunnel
        options += ["--publish", f"127.0.0.1:{port}:{port}"]
    options += ["--volume", f"{settings.storage_path}:/storage"]
    shell.run([*DOCKER, "run", *options, image], timeout_seconds)


def start(shell: Shell, timeout_seconds: float) -> None:
    """Start the container that is there.

    Raises:
        GuestCommandError: Docker refused.
    """
    shell.run([*DOCKER, "start", CONTAINER], timeout_seconds)


def remove(shell: Shell, timeout_seconds: float) -> None:
    """Remove the container; the Windows disk stays. It must have ended.

    Raises:
        GuestCommandError: it is running.
    """
    shell.run([*DOCKER, "rm", CONTAINER], timeout_seconds)


def forget(shell: Shell, path: str, timeout_seconds: float) -> None:
    """Remove the Windows disk: the next start installs. The container must be gone.

    Args:
        shell: the VM.
        path: the storage folder; it stays, empty.
        timeout_seconds: wall seconds for each command.

    Raises:
        GuestCommandError: it can't be removed.
    """
    shell.run(["sudo", "rm", "-rf", path], timeout_seconds)
    shell.run(["sudo", "mkdir", "-p", path], timeout_seconds)


def probe(shell: Shell, timeout_seconds: float) -> bool:
    """Whether WAA's server answers, asked from the VM itself.

    Args:
        shell: the VM.
        timeout_seconds: wall seconds for the question.
    """
    url = f"http://127.0.0.1:{WAA_PORT}/probe"
    return shell.ask(["curl", "-sf", "-m", str(PROBE_SECONDS), url], timeout_seconds).is_ok


def why_ended(shell: Shell, timeout_seconds: float) -> str:
    """Why the container no longer runs, "" while it does.

    Args:
        shell: the VM.
        timeout_seconds: wall seconds for the question.
    """
    found = container(shell, timeout_seconds)
    if found is None:
        return "there is no container"
    if found.status in ("running", "restarting", "created", "paused"):
        return ""
    answer = shell.ask([*DOCKER, "logs", "--tail", "3", CONTAINER], timeout_seconds)
    words = " ".join((answer.out + answer.err).split())[-200:]
    return f"exit code {found.exit_code}: {words}"


def press_power_button(shell: Shell, timeout_seconds: float) -> bool:
    """Ask Windows to power off, as its power button would.

    Args:
        shell: the VM.
        timeout_seconds: wall seconds for the command.

    Returns:
        Whether there was anything to ask: False when no container runs.

    Raises:
        GuestCommandError: QEMU's monitor can't be reached.
    """
    found = container(shell, timeout_seconds)
    if found is None or not found.is_running:
        return False
    shell.run([*DOCKER, "exec", CONTAINER, "sh", "-c", POWER_BUTTON], timeout_seconds)
    return True


def is_off(shell: Shell, timeout_seconds: float) -> bool:
    """Whether the container has ended.

    Args:
        shell: the VM.
        timeout_seconds: wall seconds for the question.
    """
    found = container(shell, timeout_seconds)
    return found is None or not found.is_running


def storage(shell: Shell, path: str, timeout_seconds: float) -> Storage:
    """What lies in the storage folder.

    Args:
        shell: the VM.
        path: the folder.
        timeout_seconds: wall seconds for the question.

    Raises:
        GuestCommandError: it can't be looked into.
    """
    answer = shell.ask(["sudo", "ls", "-1", path], timeout_seconds)
    if not answer.is_ok:
        if "no such file" in answer.err.lower():
            return Storage(has_disk=False, has_marker=False)
        raise GuestCommandError(f"ls {path}: {answer.err.strip()}", answer.exit_code)
    names = answer.out.split()
    return Storage(any(name.startswith(DISK_PATTERN) for name in names), MARKER in names)
