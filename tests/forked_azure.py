"""Starts local Azures quicker: forked from a process that has loaded all that they import.

Each is a process of its own and does all that `python -m local_azure serve` does once it is loaded;
importing is two thirds of what such a start costs. Commands that tests run in processes of their
own start it as users do.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from local_azure.__main__ import main
from local_azure.control import Status

LOADED = (
    "local_azure.server",
    "local_azure.guests.durations",
    "local_azure.guests.simulated",
    "uvicorn.protocols.http.h11_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
)
"""What a local Azure loads when it serves."""


def kill(status: Status) -> None:
    """Kill a local Azure without a warning, and wait until it is gone."""
    process = Forked(status.pid)
    process.kill()
    while process.poll() is None:
        time.sleep(0.005)


class Forked:
    """A process that another one has forked; what `local_azure.control` uses of a `Popen`.

    Args:
        pid: its process id.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it lives."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 1
        return None

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """The process that they are forked from, started with the first of them."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def spawn(self, command: list[str], log: Path) -> Forked:
        """Stands for `local_azure.control.spawn`."""
        process = self._process = self._process or subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin
        assert process.stdout
        arguments = command[command.index("local_azure") + 1 :]
        asked = {"arguments": arguments, "log": str(log), "env": dict(os.environ)}
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        return Forked(int(process.stdout.readline()))

    def close(self) -> None:
        """End it; what it has forked goes on."""
        if self._process:
            self._process.communicate()


def _fork(arguments: list[str], log: str, env: dict[str, str]) -> int:
    """The process id of a new local Azure."""
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    with Path(log).open("ab") as file, Path(os.devnull).open("rb") as nothing:
        for number, there in enumerate((nothing, file, file)):
            os.dup2(there.fileno(), number)
    os.environ.clear()
    os.environ.update(env)
    code = 1
    try:
        code = main(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reap(*_: object) -> None:
    """Lay those that have ended to rest, and have their time counted as ours."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _serve() -> None:
    """Fork a process for each line."""
    for name in LOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, _reap)
    for line in sys.stdin:
        sys.stdout.write(f"{_fork(**json.loads(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
