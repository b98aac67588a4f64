"""One SSH session of a guest: a command line, or lines typed one after the other.

A program whose client has gone runs to its end, as under sshd without a terminal; one whose host
loses power ends with it. A mistake of the simulation is logged and exits with EX_SOFTWARE.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncssh

from local_azure.guests.simulated.running import Run, Write, no_input, run_line
from local_azure.guests.simulated.terminal import Terminal

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
    if process.term_type is not None:
        return await _run_at_terminal(run, process)
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


async def _run_at_terminal(run: Run, process: asyncssh.SSHServerProcess[bytes]) -> int:
    """Like `_run`, for a session with a pseudo-terminal: a prompt, echo, Ctrl-C."""
    terminal = Terminal(process)
    run = replace(
        run,
        read=no_input,  # keys are the terminal's
        write=terminal.write,
        write_error=terminal.write,
        is_heard=lambda: not (terminal.is_interrupted or process.is_closing()),
    )
    if process.command is not None:
        return await terminal.watched(run_line(run, process.command))
    code, name = 0, run.guest.spec.name
    run.say(f"Simulated guest {name}: one program a line, `exit` ends.")
    while True:
        run.write(f"{run.user}@{name}:~$ ".encode())
        line = await terminal.read_line()
        if line is None or line.strip() in ("exit", "logout"):
            return code
        code = await terminal.watched(run_line(run, line.strip()))


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
        is_heard=lambda: not process.is_closing(),
    )


def _writer(stream: asyncssh.SSHWriter[bytes]) -> Write:
    def write(data: bytes) -> None:
        with suppress(OSError):  # the client has gone
            stream.write(data)

    return write
