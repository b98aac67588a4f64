"""An evaluation's command on a worker: begun, ended, and its results brought home.

Runs in the Windows container (WAA's client is there) or on the VM itself. Every process carries the
run's mark in its command line, because closing an SSH connection ends none of them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vmpool.errors import GuestCommandError
from vmpool.eval_command import RUN_VARIABLE
from vmpool.guest.connection import Address
from vmpool.guest.docker import DOCKER
from vmpool.guest.shell import Shell
from vmpool.guest.stream import Hear, Source, stream
from vmpool.guest.windows import CONTAINER

if TYPE_CHECKING or sys.version_info >= (3, 12):
    import tarfile
else:  # 3.11's extracts whatever an archive asks for, before 3.11.4
    from backports import tarfile

CLIENT_FOLDER = "/client"
"""WAA's client in the container: `src/win-arena-container` copies it there."""
FOLDER = "/tmp/waa-eval"  # noqa: S108 # on the worker, a folder of ours below it
KILL_AFTER_SECONDS = 30
"""From SIGTERM to SIGKILL when a command's time is up."""
NONE_FOUND = 1
"""`pkill` found nothing to end."""


@dataclass(frozen=True)
class Site:
    """Where on one worker commands of one run are run.

    Attributes:
        address: the VM.
        run: mark of the run: letters and digits.
        is_container: in the Windows container instead of on the VM.
    """

    address: Address
    run: str
    is_container: bool

    def folder(self, unit: str, attempt: int) -> str:
        """Results folder of one try of a unit, as the command sees it."""
        return f"{FOLDER}/{self.run}/{unit}/{attempt}"

    def inside(self, argv: Sequence[str], *options: str) -> list[str]:
        """A program where commands run; `options` are `docker exec`'s."""
        return [*DOCKER, "exec", *options, CONTAINER, *argv] if self.is_container else [*argv]


def prepare(
    site: Site, shell: Shell, folder: str, timeout_seconds: float, tasks_file: str = ""
) -> None:
    """Make the results folder, and the list of tasks beside it.

    Args:
        site: where.
        shell: the VM's.
        folder: results folder.
        timeout_seconds: wall seconds for each command.
        tasks_file: content of `<folder>.json`, "" for none.

    Raises:
        GuestUnreachableError: the VM can't be reached.
        GuestCommandError: it could not be made.
    """
    shell.run(site.inside(["mkdir", "-p", folder]), timeout_seconds)
    if tasks_file:
        write = site.inside(["tee", f"{folder}.json"], "-i")
        shell.feed(write, tasks_file, timeout_seconds)


def run(  # noqa: PLR0913 # what one command needs, said once
    site: Site,
    argv: Sequence[str],
    environment: Mapping[str, str],
    hear: Hear,
    *,
    limit_seconds: float,
    secrets: Mapping[str, str],
    end: threading.Event,
) -> int | None:
    """Run a command to its end.

    Args:
        site: where.
        argv: program and arguments.
        environment: variables; they stand in its command line.
        hear: called with its output.
        limit_seconds: the VM's seconds after which it is ended there, whatever becomes of us.
        secrets: more variables, which reach a container through standard input only.
        end: once set, the connection is cut; the command goes on, see `end_all`.

    Returns:
        Its exit code, None when the end was asked for.

    Raises:
        GuestUnreachableError: the VM can't be reached or does not answer any more.
        HostKeyError: another machine answers there.
    """
    variables = {RUN_VARIABLE: site.run, **environment}
    marked = [f"{name}={value}" for name, value in variables.items()]
    limited = ["timeout", f"--kill-after={KILL_AFTER_SECONDS}", f"{limit_seconds:.0f}"]
    options = ["--workdir", CLIENT_FOLDER]
    fed = ""
    if secrets:
        options += ["--env-file", "/dev/stdin"]
        fed = "".join(f"{key}={value}\n" for key, value in secrets.items())
    whole = site.inside([*limited, "env", *marked, *argv], *options)
    return stream(site.address, whole, hear, end.is_set, fed.encode())


def end_all(site: Site, shell: Shell, timeout_seconds: float) -> bool:
    """End whatever of the run still runs there.

    Returns:
        Whether anything did.

    Raises:
        GuestUnreachableError: the VM can't be reached.
        GuestCommandError: it could not be done.
    """
    pattern = f"[{RUN_VARIABLE[0]}]{RUN_VARIABLE[1:]}={site.run}"  # does not match itself
    ask = site.inside(["pkill", "--signal", "TERM", "--full", pattern])
    answer = shell.ask(ask, timeout_seconds)
    if answer.exit_code > NONE_FOUND and "is not running" not in answer.err:
        raise GuestCommandError(f"pkill: {answer.err.strip()}", answer.exit_code)
    return answer.is_ok


def fetch(site: Site, folder: str, into: Path) -> None:
    """Bring a results folder home; what is there is replaced once all of it has arrived.

    Args:
        site: where it is.
        folder: the folder there.
        into: where its content goes here.

    Raises:
        GuestUnreachableError: the VM can't be reached any more.
        GuestCommandError: there is no such folder, or what came is no archive.
    """
    copy = ["tar", "-C", folder, "-cf", "-", "."]
    if site.is_container:
        copy = [*DOCKER, "cp", f"{CONTAINER}:{folder}/.", "-"]
    said = bytearray()
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=into.parent) as file:

        def hear(source: Source, data: bytes) -> None:
            if source is Source.OUT:
                file.write(data)
            else:
                said.extend(data)

        code = stream(site.address, copy, hear)
        if code:
            words = bytes(said).decode(errors="replace").strip()
            raise GuestCommandError(f"results were not fetched: {words}", code)
        file.seek(0)
        arriving = into.with_name(f"{into.name}.arriving")
        shutil.rmtree(arriving, ignore_errors=True)
        try:
            with tarfile.open(fileobj=file) as archive:
                archive.extractall(arriving, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise GuestCommandError(f"results can't be unpacked: {error}") from error
    shutil.rmtree(into, ignore_errors=True)
    arriving.rename(into)
