"""QEMU's human monitor in a Windows container: `nc -U /run/shm/monitor.sock`."""

from __future__ import annotations

from pathlib import Path

from local_azure.guests.simulated import faults, pictures
from local_azure.guests.simulated.docker import lifecycle
from local_azure.guests.simulated.docker.model import Container
from local_azure.guests.simulated.programs.files import may_write
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import ProgramError, Run

SOCKETS = ("/run/shm/monitor.sock", "/run/monitor.sock")
NETCAT = grammar("-U -N -v -n", "-w -q")
GREETING = "QEMU 10.0.2 monitor - type 'help' for more information"
SILENT = ("help", "sendkey", "info")
"""Commands that are taken and do nothing here."""


def is_there(run: Run, container: Container) -> bool:
    """Whether QEMU runs, and with it the socket."""
    machine = container.windows
    return bool(container.is_running and machine and run.guest.clock.now() >= machine.started_at)


async def netcat(run: Run, container: Container) -> int:
    """`nc -U SOCKET`: one conversation with the monitor, its input being read to the end."""
    options = NETCAT.parse("nc", run.arguments)
    if not options.has("-U") or len(options.rest) != 1:
        raise ProgramError("nc: only UNIX sockets (-U) are modelled")
    if run.path(options.rest[0]) not in SOCKETS or not is_there(run, container):
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
    word, *words = line.split() or [""]
    if line == "system_powerdown":
        if not run.guest.is_hit(faults.WINDOWS_FROZEN):
            lifecycle.press_power_button(daemon, container, now)
    elif line in ("quit", "q"):
        lifecycle.quit_qemu(daemon, container, now)
    elif line == "info status":
        run.say("VM status: running")
    elif word == "screendump":
        _dump_screen(run, container, words)
    elif word and word not in SILENT:
        run.say(f"unknown command: '{word}'")


def _dump_screen(run: Run, container: Container, words: list[str]) -> None:
    """`screendump FILE`: the screen as a PPM; QEMU answers only when it could not."""
    if len(words) != 1:
        run.say("screendump: a simulated guest only knows screendump FILE")
        return
    try:
        target: Path = may_write(run, words[0])
        target.write_bytes(screen(run, container).ppm())
    except OSError as error:
        run.say(f"Error: failed to open file '{words[0]}': {error.strerror}")


def screen(run: Run, container: Container) -> pictures.Picture:
    """What Windows shows now."""
    machine, now = container.windows, run.guest.clock.now()
    if machine is None or now < machine.booted_at:
        start = machine.started_at if machine else now
        length = machine.booted_at - start if machine else 1.0
        return pictures.boot_screen(min(1.0, max(0.0, (now - start) / max(1.0, length))))
    return pictures.desktop(is_frozen=run.guest.is_hit(faults.WINDOWS_FROZEN))
