"""Inside a container: the programs that `docker exec` finds there, and the files they see.

A Windows container has QEMU's human monitor at `/run/shm/monitor.sock`, reached with `nc -U`; one
whose image has WAA's client has a Python that knows how to run that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from local_azure.guests.simulated import faults
from local_azure.guests.simulated.docker import monitor, windows
from local_azure.guests.simulated.docker.execution import place_of
from local_azure.guests.simulated.docker.model import Container
from local_azure.guests.simulated.docker.rootfs import ContainerFiles, has_client
from local_azure.guests.simulated.docker.services import state_of
from local_azure.guests.simulated.programs import (
    archiving,
    control,
    files,
    finding,
    folders,
    searching,
    signals,
)
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import Program, ProgramError, Run, no_input, nowhere
from local_azure.guests.simulated.waa import client
from local_azure.guests.simulated.web import VIEWER_PORT, WAA_PORT, content

WINDOWS_ADDRESS = "20.20.20.21"
"""dockur's address of Windows on its bridge."""
CURL = grammar("-s -S -f -sf -L --silent --fail", "-m --max-time --connect-timeout -o --output -w",
               code=2)  # fmt: skip
HANG_SECONDS = 300.0


def enter(run: Run, container: Container, argv: list[str], extra: Mapping[str, str]) -> Run:
    """The run of a program inside a container, as its root."""
    daemon = run.guest.docker
    environment = {"HOME": "/root", **container.options["environment"], **extra}
    if container.windows:
        environment |= {"STORAGE": windows.STORAGE}  # QEMU_DIR is dockur's shell variable only
    image = daemon.engine.images.get(container.image_id)
    return replace(
        run,
        files=ContainerFiles(daemon, container),
        user="root",
        groups=frozenset({"root"}),
        argv=argv,
        environment=environment,
        folder=(image.config.get("WorkingDir") if image else "") or "/",
        programs=_programs(container, is_client=has_client(daemon, container)),
        speaker="sh: 1",
        place=place_of(container),
        process=None,
    )


def in_folder(run: Run, folder: str) -> Run:
    """The same run in another working folder."""
    return replace(run, folder=run.path(folder))


def _programs(container: Container, *, is_client: bool) -> Mapping[str, Program]:
    async def netcat(run: Run) -> int:
        return await monitor.netcat(run, container)

    async def python(run: Run) -> int:
        return await client.python(run, lambda: _state(run, container, WAA_PORT))

    async def curl(run: Run) -> int:
        return await _curl(run, container)

    async def test(run: Run) -> int:
        if run.arguments[:1] in (["-S"], ["-e"]) and run.path(run.arguments[1]) in monitor.SOCKETS:
            return 0 if monitor.is_there(run, container) else 1
        return await files.test(run)

    taken = ("true", "false", "sh", "bash", "echo", "printf", "sleep", "env", "timeout", "which")
    return {
        **{name: control.PROGRAMS[name] for name in taken},
        **{name: files.PROGRAMS[name] for name in ("cat", "stat", "touch", "tee")},
        **{name: folders.PROGRAMS[name] for name in ("ls", "rm", "mkdir", "mv", "cp")},
        **archiving.PROGRAMS,
        **finding.PROGRAMS,
        **searching.PROGRAMS,
        **signals.PROGRAMS,
        "test": test,
        "[": test,
        **({"nc": netcat, "curl": curl} if container.windows else {}),
        **({"python": python, "python3": python} if is_client else {}),
    }


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
    write(body)
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
