"""Programs that run other programs or say something: sudo, sh, env, echo, sleep, timeout, which."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from local_azure.guests.simulated.accounts import ROOT
from local_azure.guests.simulated.processes import (
    BY_SIGNAL,
    KILL,
    Process,
    own,
    signal_number,
)
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import (
    ProgramError,
    Run,
    attempt,
    become,
    run_line,
)

SUDO = grammar("-n -E -S -H -i -k", "-u -p -g -D", stops_at_word=True)
SHELL = grammar("-c -e -l -x -u -ec -lc -exc -euc", stops_at_word=True, code=2)
TIMEOUT = grammar("--foreground -v", "-k -s --signal --kill-after", stops_at_word=True, code=125)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
TIMED_OUT = 124
ESCAPES = (("\\n", "\n"), ("\\t", "\t"), ("\\\\", "\\"))


async def succeed(_run: Run) -> int:
    """`true`."""
    return 0


async def fail(_run: Run) -> int:
    """`false`."""
    return 1


async def sudo(run: Run) -> int:
    """Run a program as root, or as `-u` says; administrators need no password."""
    options = SUDO.parse("sudo", run.arguments)
    if run.user != ROOT and "sudo" not in run.groups:
        raise ProgramError("sudo: a password is required")
    environment = dict(run.environment) if options.has("-E") else {}
    while options.rest and "=" in options.rest[0]:
        name, _, value = options.rest.pop(0).partition("=")
        environment[name] = value
    if not options.rest:
        raise ProgramError("usage: sudo [-n] [-E] [-u user] command")
    user = options.last("-u", default=ROOT)
    if user not in run.guest.accounts.users():
        raise ProgramError(f"sudo: unknown user {user}")
    groups = run.guest.accounts.groups_of(user)
    environment |= {
        "PWD": run.folder,
        "HOME": run.guest.accounts.home(user), "USER": user, "LOGNAME": user, "SUDO_USER": run.user,
    }  # fmt: skip
    inner = replace(
        run, user=user, groups=groups, argv=options.rest, environment=environment, speaker="sudo"
    )
    if options.rest[0].rpartition("/")[2] not in run.programs:
        raise ProgramError(f"sudo: {options.rest[0]}: command not found")
    return await _supervise(inner)


async def _supervise(run: Run) -> int:
    """Run a program below sudo, which passes signals on but for those that come from below it."""
    child, sudo_itself = run.guest.processes.start(run, attempt), own(run)

    def pass_on(number: int, sender: Process | None) -> None:
        if sender is None or not sender.comes_from(sudo_itself):
            child.send(number, sender)

    sudo_itself.handler = pass_on
    return await child.wait()


async def shell(run: Run) -> int:
    """`sh -c LINE`: the grammar of `words`, nothing more."""
    options = SHELL.parse(run.argv[0], run.arguments)
    name = run.argv[0].rpartition("/")[2]
    if not any("c" in flag for flag in options.flags) or not options.rest:
        raise ProgramError(f"{name}: a simulated guest only knows {name} -c LINE", 2)
    return await run_line(replace(run, speaker=f"{name}: 1"), options.rest[0])


async def environment(run: Run) -> int:
    """`env`: run with variables, or print them."""
    words, variables = list(run.arguments), dict(run.environment)
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    if not words:
        for name, value in variables.items():
            run.say(f"{name}={value}")
        return 0
    return await become(replace(run, argv=words, environment=variables))


async def echo(run: Run) -> int:
    """`echo [-n] [-e] WORD...`."""
    words = list(run.arguments)
    flags = ""
    while words and words[0] in ("-n", "-e", "-ne", "-en"):
        flags += words.pop(0)
    text = " ".join(words)
    if "e" in flags:
        text = _unescape(text)
    run.write(f"{text}{'' if 'n' in flags else chr(10)}".encode())
    return 0


async def printf(run: Run) -> int:
    """`printf FORMAT [WORD...]` with `%s` only."""
    if not run.arguments:
        raise ProgramError("printf: usage: printf [-v var] format [arguments]", 2)
    text, words = _unescape(run.arguments[0]), list(run.arguments[1:])
    while "%s" in text:
        text = text.replace("%s", words.pop(0) if words else "", 1)
    run.write(text.encode())
    return 0


async def sleep(run: Run) -> int:
    """`sleep SECONDS`, on the cloud's clock."""
    await run.guest.clock.sleep_until(run.guest.clock.now() + sum(map(_seconds, run.arguments)))
    return 0


async def timeout(run: Run) -> int:
    """`timeout [-s SIGNAL] [-k SECONDS] SECONDS COMMAND...`, on the cloud's clock.

    A signal that it gets goes to its command and all that this started; it then ends as that ends.
    """
    options = TIMEOUT.parse("timeout", run.arguments)
    if len(options.rest) < 2:  # noqa: PLR2004 # duration and command
        raise ProgramError("timeout: missing operand", 125)
    limit = run.guest.clock.now() + _seconds(options.rest[0])
    signal = signal_number(options.last("-s", "--signal", default="TERM"))
    if signal is None:
        raise ProgramError(f"timeout: {options.last('-s', '--signal')}: invalid signal", 125)
    table = run.guest.processes
    child = table.start(replace(run, argv=options.rest[1:]), attempt)
    own(run).handler = lambda number, _sender: table.send_to_group(child, number)
    if await _ends_by(run, child, limit):
        return await child.wait()
    table.send_to_group(child, signal)
    grace = options.last("-k", "--kill-after")
    if grace and not await _ends_by(run, child, limit + _seconds(grace)):
        table.send_to_group(child, KILL)
    code = await child.wait()
    return code if code == BY_SIGNAL + KILL else TIMED_OUT


async def _ends_by(run: Run, child: Process, limit: float) -> bool:
    """Wait for a process until a moment of the cloud's clock; whether it has ended."""
    alarm = asyncio.ensure_future(run.guest.clock.sleep_until(limit))
    waiting = asyncio.ensure_future(child.wait())
    try:
        await asyncio.wait({waiting, alarm}, return_when=asyncio.FIRST_COMPLETED)
        return waiting.done()
    finally:
        alarm.cancel()
        waiting.cancel()


async def which(run: Run) -> int:
    """`which NAME`, `command -v NAME`: where a program is."""
    names = [word for word in run.arguments if not word.startswith("-")]
    found = [name for name in names if name in run.programs]
    for name in found:
        run.say(f"/usr/bin/{name}")
    return 0 if names and found == names else 1


def _seconds(word: str) -> float:
    unit = UNITS.get(word[-1:], 0)
    try:
        return float(word[:-1] if unit else word) * (unit or 1)
    except ValueError:
        raise ProgramError(f"sleep: invalid time interval '{word}'") from None


def _unescape(text: str) -> str:
    for mark, character in ESCAPES:
        text = text.replace(mark, character)
    return text


PROGRAMS = {
    "true": succeed, ":": succeed, "false": fail, "sudo": sudo, "sh": shell, "bash": shell,
    "env": environment, "echo": echo, "printf": printf, "sleep": sleep, "timeout": timeout,
    "which": which, "command": which, "sync": succeed,
}  # fmt: skip
