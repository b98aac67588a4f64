"""docker commands that reach into a container: exec, cp."""

from __future__ import annotations

from local_azure.guests.simulated.archives import BadArchiveError, pack, unpack
from local_azure.guests.simulated.docker import execution, inside
from local_azure.guests.simulated.docker.daemon import Daemon
from local_azure.guests.simulated.docker.model import Container
from local_azure.guests.simulated.docker.rootfs import ContainerFiles
from local_azure.guests.simulated.files import normalise
from local_azure.guests.simulated.programs.files import may_read
from local_azure.guests.simulated.programs.options import Options, grammar
from local_azure.guests.simulated.running import NOT_FOUND, ProgramError, Run

EXEC = grammar(
    "-i --interactive -t --tty -d --detach --privileged",
    "-e --env --env-file -u --user -w --workdir",
    stops_at_word=True,
    code=125,
)
CP = grammar("-a --archive -L --follow-link -q --quiet", code=125)
DAEMON = "Error response from daemon: "
RUNTIME = "OCI runtime exec failed: exec failed: unable to start container process: "
CANNOT_START = 126
STDIN = "/dev/stdin"


def find(daemon: Daemon, text: str) -> Container:
    """A container by name or (short) id.

    Raises:
        ProgramError: there is none.
    """
    for container in daemon.engine.containers.values():
        if text.removeprefix("/") == container.name or (text and container.id.startswith(text)):
            return container
    raise ProgramError(f"{DAEMON}No such container: {text}")


async def execute(run: Run) -> int:
    """`docker exec [-i] [-d] [-e A=B] [--env-file FILE] [-w FOLDER] CONTAINER PROGRAM [ARG...]`.

    The program is the container's: it runs on when this client is ended, and ends with the
    container, in which case the client exits with 137.
    """
    options = EXEC.parse("docker exec", run.arguments)
    if len(options.rest) < 2:  # noqa: PLR2004 # container and program
        raise ProgramError("docker: 'docker exec' requires at least 2 arguments", 1)
    name, *argv = options.rest
    environment = await _environment(run, options)
    container = find(run.guest.docker, name)
    if not container.is_running:
        raise ProgramError(f"{DAEMON}container {container.id} is not running")
    inner = inside.enter(run, container, argv, environment)
    if folder := options.last("-w", "--workdir"):
        inner = inside.in_folder(inner, folder)
        if not inner.files.host(inner.folder).is_dir():
            raise ProgramError(
                f'{RUNTIME}chdir to cwd ("{folder}") set in config.json failed: no such file or'
                " directory: unknown",
                CANNOT_START,
            )
    if argv[0].rpartition("/")[2] not in inner.programs:
        raise ProgramError(
            f'{RUNTIME}exec: "{argv[0]}": executable file not found in $PATH: unknown', NOT_FOUND
        )
    if not options.has("-i", "--interactive"):
        inner = inside.without_input(inner)
    process = execution.start(inner)
    return 0 if options.has("-d", "--detach") else await process.wait()


async def _environment(run: Run, options: Options) -> dict[str, str]:
    """Variables of files, then those of the command line."""
    found: dict[str, str] = {}
    for path in options.all("--env-file"):
        try:
            data = await run.read() if path == STDIN else may_read(run, path).read_bytes()
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise ProgramError(f"docker: open {path}: {reason}", 125) from None
        for line in data.decode(errors="replace").splitlines():
            found |= _variable(run, line.lstrip())
    for item in options.all("-e", "--env"):
        found |= _pair(run, item)
    return found


def _variable(run: Run, line: str) -> dict[str, str]:
    """One line of an env-file: `NAME=VALUE` as it stands, `NAME` from the client's environment."""
    if not line or line.startswith("#"):
        return {}
    name = line.partition("=")[0]
    if " " in name or "\t" in name:
        raise ProgramError(
            f"docker: poorly formatted environment: variable '{name}' contains whitespaces", 125
        )
    return _pair(run, line)


def _pair(run: Run, item: str) -> dict[str, str]:
    name, has_value, value = item.partition("=")
    if has_value:
        return {name: value}
    return {name: run.environment[name]} if name in run.environment else {}


async def copy(run: Run) -> int:
    """`docker cp CONTAINER:PATH -` and `docker cp - CONTAINER:PATH`: tar streams."""
    options = CP.parse("docker cp", run.arguments)
    if len(options.rest) != 2:  # noqa: PLR2004 # from and to
        raise ProgramError("docker: 'docker cp' requires 2 arguments")
    source, target = options.rest
    if target == "-" and ":" in source:
        run.write(_read(run, source))
        return 0
    if source == "-" and ":" in target:
        return await _write(run, target)
    raise ProgramError("docker: a simulated guest copies only to or from a stream (-)")


def _read(run: Run, source: str) -> bytes:
    name, _, path = source.partition(":")
    container = find(run.guest.docker, name)
    host = ContainerFiles(run.guest.docker, container).host(path)
    if not host.exists():
        raise ProgramError(f"{DAEMON}Could not find the file {path} in container {name}")
    is_content = path.endswith("/.")
    return pack([("." if is_content else normalise(path).rpartition("/")[2] or "/", host)])


async def _write(run: Run, target: str) -> int:
    name, _, path = target.partition(":")
    container = find(run.guest.docker, name)
    host = ContainerFiles(run.guest.docker, container).host(path)
    if not host.is_dir():
        raise ProgramError(f"{DAEMON}Could not find the file {path} in container {name}")
    run.guest.check_space()
    try:
        unpack(await run.read(), host)
    except BadArchiveError as error:
        raise ProgramError(f"{DAEMON}Error processing tar file: {error}") from None
    return 0
