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
    from local_azure.guests.simulated.processes import Place, Process

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
        place: container that it runs in, None on the VM itself.
        process: the process that this is; to be started, the one that starts it.
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
    place: Place | None = None
    process: Process | None = None

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
    """Run a command line, as the shell that `run.process` is, or as one of its own.

    A line of one program takes no shell: that program takes its place (`exec`), as with bash.

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
    if len(pipelines) == 1 and len(pipelines[0].commands) == 1:
        return await _run_command(run, pipelines[0].commands[0], is_last=True)
    if run.process is not None:
        return await _run_pipelines(run, pipelines)
    shell = replace(run, argv=["bash", "-c", line])
    process = run.guest.processes.start(shell, lambda inner: _run_pipelines(inner, pipelines))
    return await process.wait(is_owned=True)


async def run_program(run: Run) -> int:
    """Run one program by its name as a process; what goes wrong becomes a message and a code."""
    is_top = run.process is None
    return await run.guest.processes.start(run, attempt).wait(is_owned=is_top)


async def become(run: Run) -> int:
    """Run one program in place of the one that runs (`exec`)."""
    if run.process is None:
        return await run_program(run)
    run.process.argv = [*run.argv]
    return await attempt(run)


async def attempt(run: Run) -> int:
    """Look a program up and run it; what goes wrong becomes a message and an exit code."""
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


async def _run_pipelines(run: Run, pipelines: list[Pipeline]) -> int:
    code = 0
    for pipeline in pipelines:
        if not _is_due(pipeline, code):
            continue
        words = pipeline.commands[0].argv
        if words[:1] == ["cd"] and len(pipeline.commands) == 1:
            run, code = _change_folder(run, words[1:])
        else:
            code = await _run_pipeline(run, pipeline)
    return code


def _change_folder(run: Run, words: list[str]) -> tuple[Run, int]:
    """`cd [FOLDER]`: what the rest of the line runs in, and the exit code."""
    wanted = words[0] if words else run.environment.get("HOME", "/")
    folder = run.path(wanted)
    try:
        is_there = run.files.host(folder).is_dir()
    except OSError:
        is_there = False
    if not is_there:
        run.complain(f"{run.speaker}: cd: {wanted}: No such file or directory")
        return run, 1
    return replace(run, folder=folder, environment={**run.environment, "PWD": folder}), 0


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


async def _run_command(run: Run, command: Command, *, is_last: bool = False) -> int:
    """Run one command; the last of a shell takes the shell's place."""
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
    start = become if is_last else run_program
    return await start(
        replace(run, argv=argv, environment=environment, write=write, write_error=write_error)
    )
