"""Running programs in a guest: who runs them, where their bytes go, and how a line becomes runs.

A program is a coroutine that takes a `Run` and returns an exit code. Programs are found by name in
a table; nothing is ever handed to the host's shell.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from local_azure.guests.simulated.files import FileView, normalise
from local_azure.guests.simulated.globs import expand
from local_azure.guests.simulated.words import Command, Pipeline, SyntaxRefusedError, parse

if TYPE_CHECKING:
    from local_azure.guests.simulated.guest import Guest

Write = Callable[[bytes], None]
Read = Callable[[], Awaitable[bytes]]
NOT_FOUND = 127
USAGE = 2
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


async def no_input() -> bytes:
    """Standard input that is closed."""
    return b""


def always() -> bool:
    """Somebody listens."""
    return True


def nowhere(_data: bytes) -> None:
    """Standard output or error that is thrown away."""


class ProgramError(Exception):
    """A program gives up: the message goes to standard error, `code` is the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Run:
    """One run of a program.

    Attributes:
        guest: the VM.
        files: paths as the program sees them.
        user: effective user.
        groups: groups that the user had at login.
        argv: words, the first being the program's name.
        environment: variables.
        read: reads standard input to its end.
        write: writes standard output.
        write_error: writes standard error.
        folder: working folder.
        programs: what can be run from here.
        speaker: name of the shell that complains.
        is_heard: whether anybody still wants the output; what goes on for ever asks.
    """

    guest: Guest
    files: FileView
    user: str
    groups: frozenset[str]
    argv: list[str] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)
    read: Read = no_input
    write: Write = nowhere
    write_error: Write = nowhere
    folder: str = "/"
    programs: Mapping[str, Program] = field(default_factory=dict)
    speaker: str = "bash: line 1"
    is_heard: Callable[[], bool] = always

    @property
    def arguments(self) -> list[str]:
        """Words after the program's name."""
        return self.argv[1:]

    def say(self, text: str) -> None:
        """Write a line to standard output."""
        self.write(f"{text}\n".encode())

    def complain(self, text: str) -> None:
        """Write a line to standard error."""
        self.write_error(f"{text}\n".encode())

    def path(self, path: str) -> str:
        """An absolute, cleaned path as this program sees it."""
        return normalise(path, self.folder)


Program = Callable[[Run], Awaitable[int]]


async def run_line(run: Run, line: str) -> int:
    """Run a command line.

    Args:
        run: user, streams and environment; its `argv` is not used.
        line: the command line.

    Returns:
        The exit code of its last program.
    """
    try:
        pipelines = parse(line, run.environment)
    except SyntaxRefusedError as error:
        run.complain(f"{run.speaker}: {error}")
        return USAGE
    code = 0
    for pipeline in pipelines:
        if _is_due(pipeline, code):
            code = await _run_pipeline(run, pipeline)
    return code


async def run_program(run: Run) -> int:
    """Run one program by its name; what goes wrong becomes a message and an exit code."""
    name = run.argv[0].rpartition("/")[2]
    program = run.programs.get(name)
    if program is None:
        run.complain(f"{run.speaker}: {run.argv[0]}: command not found")
        return NOT_FOUND
    run.guest.docker.settle(run.guest.clock.now())
    try:
        return await program(run)
    except ProgramError as error:
        if str(error):
            run.complain(str(error))
        return error.code
    except OSError as error:
        run.complain(f"{name}: {error.strerror or error}")
        return 1


def _is_due(pipeline: Pipeline, code: int) -> bool:
    return pipeline.joiner == ";" or (pipeline.joiner == "&&") == (code == 0)


async def _run_pipeline(run: Run, pipeline: Pipeline) -> int:
    """Run piped commands one after the other, each reading what the one before wrote."""
    code, source = 0, run.read
    for number, command in enumerate(pipeline.commands):
        is_last = number == len(pipeline.commands) - 1
        caught = bytearray()
        write = run.write if is_last else caught.extend
        code = await _run_command(replace(run, read=source, write=write), command)
        source = _reader(bytes(caught))
    return code


def _reader(data: bytes) -> Read:
    async def read() -> bytes:
        return data

    return read


async def _run_command(run: Run, command: Command) -> int:
    argv = [word for given in command.argv for word in expand(run, given)]
    environment = dict(run.environment)
    while argv and ASSIGNMENT.match(argv[0]):
        name, _, value = argv.pop(0).partition("=")
        environment[name] = value
    if not argv:
        return 0
    write = nowhere if command.is_mute else run.write
    write_error = run.write if command.is_merged else run.write_error
    if command.is_error_mute:
        write_error = nowhere
    return await run_program(
        replace(run, argv=argv, environment=environment, write=write, write_error=write_error)
    )
