"""Programs that look for processes: pgrep, pkill.

As with procps: the program itself is no match, but what started it is: `sudo pkill -f X` has X in
sudo's own words and finds something every time (sudo does not end of it), and so has the shell of
a longer line, which ends before it could do the rest.
"""

from __future__ import annotations

import re

from local_azure.guests.simulated.accounts import ROOT
from local_azure.guests.simulated.processes import TERM, Process, signal_number
from local_azure.guests.simulated.programs.options import Options, grammar
from local_azure.guests.simulated.running import ProgramError, Run

PGREP = grammar("-f --full -a --list-full -x --exact -c --count", code=2)
PKILL = grammar("-f --full -x --exact -e --echo", "--signal", code=2)
NAME_LENGTH = 15
"""What the kernel keeps of a program's name."""


async def pgrep(run: Run) -> int:
    """`pgrep [-f] [-a] PATTERN`: numbers of processes; 1 if there are none."""
    options = PGREP.parse("pgrep", run.arguments)
    found = _matches(run, options)
    if options.has("-c", "--count"):
        run.say(str(len(found)))
        return 0 if found else 1
    for each in found:
        is_full = options.has("-a", "--list-full")
        run.say(f"{each.number} {each.command_line}" if is_full else str(each.number))
    return 0 if found else 1


async def pkill(run: Run) -> int:
    """`pkill [-SIGNAL | --signal SIGNAL] [-f] PATTERN`: 0 if one was sent a signal, 1 if none."""
    number, words = TERM, []
    for word in run.arguments:
        given = signal_number(word[1:]) if word.startswith("-") and word != "-" else None
        if given is None:
            words.append(word)
        else:
            number = given
    options = PKILL.parse("pkill", words)
    if name := options.last("--signal"):
        wanted = signal_number(name)
        if wanted is None:
            raise ProgramError(f'pkill: unknown signal "{name}"', 2)
        number = wanted
    sent = 0
    for each in _matches(run, options):
        if run.user not in (ROOT, each.user):
            run.complain(f"pkill: killing pid {each.number} failed: Operation not permitted")
            continue
        sent += 1
        each.send(number, run.process)
    return 0 if sent else 1


def _matches(run: Run, options: Options) -> list[Process]:
    """Processes whose name, or with `-f` command line, has the pattern; not the asking one."""
    if len(options.rest) != 1:
        raise ProgramError(f"{run.argv[0]}: only one pattern can be provided", 2)
    try:
        pattern = re.compile(options.rest[0])
    except re.error as error:
        raise ProgramError(f"{run.argv[0]}: invalid pattern: {error}", 2) from None
    look = pattern.fullmatch if options.has("-x", "--exact") else pattern.search
    is_full = options.has("-f", "--full")
    return [
        each
        for each in run.guest.processes.seen_from(run.place)
        if each is not run.process and look(each.command_line if is_full else _name(each))
    ]


def _name(process: Process) -> str:
    return process.argv[0].rpartition("/")[2][:NAME_LENGTH] if process.argv else ""


PROGRAMS = {"pgrep": pgrep, "pkill": pkill}
