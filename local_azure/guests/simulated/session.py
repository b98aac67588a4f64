"""One SSH session of a guest: a command line, or lines typed one after the other.

A program whose client has gone runs to its end, as under sshd without a terminal; one whose host
loses power ends with it. A mistake of the simulation is logged and exits with EX_SOFTWARE.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncssh

from local_azure.guests.simulated.running import Run, Write, run_line

if TYPE_CHECKING:
    from local_azure.guests.simulated.guest import Guest

log = logging.getLogger(__name__)
CRASHED = 70
"""EX_SOFTWARE."""
START_WALL_SECONDS = 0.003
"""What starting a process takes; a client that is about to write its input is not cut off."""


async def serve(guest: Guest, process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run what a client asked for and report the exit code."""
    run = _make_run(guest, process)
    with guest.running_task():
        try:
            code = await _run(run, process)
        except (asyncssh.Error, ConnectionError, asyncio.CancelledError):
            process.close()
            return
        except Exception:
            log.exception("%s: %s", guest.spec.name, process.command)
            code = CRASHED
    with suppress(OSError):
        process.exit(code)


async def _run(run: Run, process: asyncssh.SSHServerProcess[bytes]) -> int:
    await asyncio.sleep(START_WALL_SECONDS)
    if process.command is not None:
        return await run_line(run, process.command)
    code = 0
    run.say(f"Simulated guest {run.guest.spec.name}: one program a line, `exit` ends.")
    while line := await process.stdin.readline():
        words = line.decode(errors="replace").strip()
        if words in ("exit", "logout"):
            break
        code = await run_line(run, words)
    return code


def _make_run(guest: Guest, process: asyncssh.SSHServerProcess[bytes]) -> Run:
    user = str(process.get_extra_info("login"))
    home = guest.accounts.home(user)

    async def read() -> bytes:
        return await process.stdin.read()

    return Run(
        guest=guest,
        files=guest.files,
        user=user,
        groups=process.get_extra_info("login_groups"),
        environment={"HOME": home, "USER": user, "LOGNAME": user, "PWD": home},
        read=read,
        write=_writer(process.stdout),
        write_error=_writer(process.stderr),
        folder=home,
        programs=guest.programs(),
    )


def _writer(stream: asyncssh.SSHWriter[bytes]) -> Write:
    def write(data: bytes) -> None:
        with suppress(OSError):  # the client has gone
            stream.write(data)

    return write
