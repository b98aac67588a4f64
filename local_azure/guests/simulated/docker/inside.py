"""Inside a container: the programs that `docker exec` finds there, and the files they see.

A Windows container has QEMU's human monitor at `/run/shm/monitor.sock`, reached with `nc -U`.
Other paths than the container's volumes are not modelled: they do not exist.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from local_azure.guests.simulated import faults
from local_azure.guests.simulated.docker import lifecycle, windows
from local_azure.guests.simulated.docker.model import Container
from local_azure.guests.simulated.docker.services import state_of
from local_azure.guests.simulated.files import is_under, normalise
from local_azure.guests.simulated.programs import control, files, folders
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import Program, ProgramError, Run, no_input, nowhere
from local_azure.guests.simulated.web import VIEWER_PORT, content

if TYPE_CHECKING:
    from local_azure.guests.simulated.docker.daemon import Daemon

QEMU_FOLDER = "/run/shm"  # in the container
MONITOR = f"{QEMU_FOLDER}/monitor.sock"
SOCKETS = (MONITOR, "/run/monitor.sock")
WINDOWS_ADDRESS = "20.20.20.21"
"""dockur's address of Windows on its bridge."""
NETCAT = grammar("-U -N -v -n", "-w -q")
CURL = grammar("-s -S -f -sf -L --silent --fail", "-m --max-time --connect-timeout -o --output -w",
               code=2)  # fmt: skip
GREETING = "QEMU 10.0.2 monitor - type 'help' for more information"
HANG_SECONDS = 300.0


class ContainerFiles:
    """Paths as a container sees them: its volumes, and nothing else.

    Args:
        daemon: the engine.
        container: the container.
    """

    def __init__(self, daemon: Daemon, container: Container) -> None:
        self._daemon = daemon
        self._mounts = [tuple(mount) for mount in container.options["mounts"]]
        if container.windows:
            storage = lifecycle.storage_path(daemon, container)
            self._mounts.append((storage, windows.STORAGE))

    def guest(self, path: str) -> str:
        """The VM's path of a container path.

        Raises:
            FileNotFoundError: it is on no volume.
        """
        clean = normalise(path)
        fitting = [mount for mount in self._mounts if is_under(clean, mount[1])]
        if not fitting:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        source, target = max(fitting, key=lambda mount: len(mount[1]))
        return normalise(source + clean[len(target.rstrip("/")) :])

    def host(self, path: str) -> Path:
        """The host's path of a container path; see `guest`."""
        return self._daemon.host(self.guest(path))


def enter(run: Run, container: Container, argv: list[str], extra: Mapping[str, str]) -> Run:
    """The run of a program inside a container, as its root."""
    daemon = run.guest.docker
    environment = {"HOME": "/root", **container.options["environment"], **extra}
    if container.windows:
        environment |= {"STORAGE": windows.STORAGE}  # QEMU_DIR is dockur's shell variable only
    return replace(
        run,
        files=ContainerFiles(daemon, container),
        user="root",
        groups=frozenset({"root"}),
        argv=argv,
        environment=environment,
        folder="/",
        programs=_programs(container),
        speaker="sh: 1",
    )


def _programs(container: Container) -> Mapping[str, Program]:
    async def netcat(run: Run) -> int:
        return await _netcat(run, container)

    async def curl(run: Run) -> int:
        return await _curl(run, container)

    async def test(run: Run) -> int:
        if run.arguments[:1] in (["-S"], ["-e"]) and run.path(run.arguments[1]) in SOCKETS:
            return 0 if _qemu_runs(run, container) else 1
        return await files.test(run)

    taken = ("true", "false", "sh", "bash", "echo", "printf", "sleep", "env", "timeout", "which")
    return {
        **{name: control.PROGRAMS[name] for name in taken},
        **{name: files.PROGRAMS[name] for name in ("cat", "stat", "touch", "tee")},
        **{name: folders.PROGRAMS[name] for name in ("ls", "rm", "mkdir")},
        "test": test,
        "[": test,
        **({"nc": netcat, "curl": curl} if container.windows else {}),
    }


def _qemu_runs(run: Run, container: Container) -> bool:
    machine = container.windows
    return bool(container.is_running and machine and run.guest.clock.now() >= machine.started_at)


async def _netcat(run: Run, container: Container) -> int:
    """`nc -U SOCKET`: one conversation with QEMU's monitor, its input being read to the end."""
    options = NETCAT.parse("nc", run.arguments)
    if not options.has("-U") or len(options.rest) != 1:
        raise ProgramError("nc: only UNIX sockets (-U) are modelled")
    if run.path(options.rest[0]) not in SOCKETS or not _qemu_runs(run, container):
        raise ProgramError("nc: unix connect failed: No such file or directory")
    run.say(GREETING)
    for line in (await run.read()).decode(errors="replace").splitlines():
        run.say(f"(qemu) {line}")
        _obey(run, container, line.strip())
    run.write(b"(qemu) ")
    clock, patience = run.guest.clock, options.last("-w", "-q", default="0")
    if container.is_running:
        await clock.sleep_until(clock.now() + float(patience))
    return 0


def _obey(run: Run, container: Container, line: str) -> None:
    daemon, now = run.guest.docker, run.guest.clock.now()
    word = line.partition(" ")[0]
    if line == "system_powerdown":
        if not run.guest.is_hit(faults.WINDOWS_FROZEN):
            lifecycle.press_power_button(daemon, container, now)
    elif line in ("quit", "q"):
        lifecycle.quit_qemu(daemon, container, now)
    elif line == "info status":
        run.say("VM status: running")
    elif word and word not in ("screendump", "help", "sendkey", "info"):
        run.say(f"unknown command: '{word}'")


async def _curl(run: Run, container: Container) -> int:
    """`curl http://HOST:PORT/PATH` to Windows or to dockur's own pages."""
    options = CURL.parse("curl", run.arguments)
    url = (options.rest or [""])[-1].removeprefix("http://")
    address, _, path = url.partition("/")
    host, _, port = address.partition(":")
    number = int(port) if port.isdecimal() else 80
    names = (
        ("localhost", "127.0.0.1")
        if number == VIEWER_PORT
        else (WINDOWS_ADDRESS, "localhost", "127.0.0.1")
    )
    state = _state(run, container, number) if host in names else "closed"
    if state == "frozen":
        await _hang(run, float(options.last("-m", "--max-time") or HANG_SECONDS))
        raise ProgramError("curl: (28) Operation timed out", 28)
    if state == "closed":
        raise ProgramError(f"curl: (7) Failed to connect to {host} port {number}", 7)
    status, _, body = content(number, "GET", f"/{path}")
    write = nowhere if options.last("-o", "--output") == "/dev/null" else run.write
    write(body.encode())
    run.write(options.last("-w").replace("%{http_code}", str(status)).encode())
    return 0


def _state(run: Run, container: Container, port: int) -> str:
    is_frozen = run.guest.is_hit(faults.WINDOWS_FROZEN)
    return state_of(container, port, run.guest.clock.now(), is_frozen=is_frozen)


async def _hang(run: Run, seconds: float) -> None:
    await run.guest.clock.sleep_until(run.guest.clock.now() + seconds)


def without_input(run: Run) -> Run:
    """The same run with standard input closed (no `-i`)."""
    return replace(run, read=no_input)
