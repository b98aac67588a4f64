"""What a person with a shell would look at when Windows does not come: containers, log, screen.

Reads only, but for QEMU's screen dump, which leaves a file in the container for as long as it takes
to fetch it. QEMU's human monitor is reached as the power button is, see `windows`.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from vmpool.errors import GuestCommandError, GuestUnreachableError
from vmpool.guest.docker import DOCKER
from vmpool.guest.shell import Shell
from vmpool.guest.windows import CONTAINER, MONITOR

LOG_LINES = 100
LISTED = "{{.Names}}: {{.Status}}, image {{.Image}}"
"""A container in the list; neither its command nor its environment."""
LEAST_WALL_SECONDS = 0.1
"""Left for a step when the time is up: it fails then, as it should."""


@dataclass(frozen=True)
class Seen:
    """What was there.

    Attributes:
        containers: a line for each, as `docker ps --all` has it, or why it says nothing.
        log: the last lines of the Windows container's log; None if there is no such container.
        screen: Windows' screen as QEMU dumps it (PPM), b"" if it gave none.
        blind: why there is no screen, "" if there is one or no container.
    """

    containers: str
    log: str | None
    screen: bytes = b""
    blind: str = ""


class _TimeLeft:
    def __init__(self, wall_seconds: float) -> None:
        self._end = time.monotonic() + wall_seconds

    def __call__(self) -> float:
        return max(self._end - time.monotonic(), LEAST_WALL_SECONDS)


def look(shell: Shell, timeout_seconds: float) -> Seen:
    """Look at the Windows container; what is not there or does not answer is left out.

    Args:
        shell: the VM.
        timeout_seconds: wall seconds for all of it, once connected.

    Raises:
        GuestUnreachableError: the VM can't be reached, or Docker does not answer.
        HostKeyError: another machine answers there.
    """
    left = _TimeLeft(timeout_seconds)
    listed = shell.ask([*DOCKER, "ps", "--all", "--format", LISTED], left())
    logged = shell.ask([*DOCKER, "logs", "--tail", str(LOG_LINES), CONTAINER], left())
    if not logged.is_ok:
        return Seen(listed.out or listed.err, None)
    seen = Seen(listed.out, logged.out + logged.err)
    try:
        screen = _screen(shell, left)
    except (GuestCommandError, GuestUnreachableError) as error:
        return Seen(seen.containers, seen.log, blind=str(error))
    return Seen(seen.containers, seen.log, screen)


def _screen(shell: Shell, left: _TimeLeft) -> bytes:
    inside = [*DOCKER, "exec", CONTAINER]
    file = f"/tmp/waa-screen-{secrets.token_hex(4)}.ppm"  # noqa: S108 # in the container
    shell.run([*inside, "sh", "-c", f"echo screendump {file} | {MONITOR}"], left())
    try:
        return shell.fetch([*inside, "cat", file], left())
    finally:
        shell.ask([*inside, "rm", "-f", file], left())
