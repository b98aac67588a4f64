"""The local Prefect server as a process of its own.

Whether it runs is decided by the lock that the process itself holds on its home, never by a
process id alone: an id can be stale or reused, a lock ends with its process. The same lock keeps
two commands from starting two servers.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from oa_vm.environment import child_environment, server_variables, waa_variables
from oa_vm.ports import HOST, choose_port
from vmpool.errors import PermanentError
from vmpool.settings import Settings

START_WALL_SECONDS = 120.0
"""A first start migrates a new database: 17-22 s on two cores, far more on a busy machine."""
STOP_WALL_SECONDS = 15.0
POLL_WALL_SECONDS = 0.1
HEALTH_WALL_SECONDS = 2.0
LOCK_WALL_SECONDS = 3.0
"""A look at the lock takes it for a moment, and a starter needs a moment to write its record."""
LOG_LINES = 15


@dataclass(frozen=True)
class Server:
    """A Prefect server that was started here.

    Attributes:
        url: API address, `http://127.0.0.1:PORT/api`.
        port: its port.
        pid: its process id; valid only while the lock is held.
    """

    url: str
    port: int
    pid: int


def find(settings: Settings) -> Server | None:
    """The server of this home that runs or is starting, None if there is none."""
    if not _is_locked(settings.prefect_home):
        return None
    try:
        return Server(**json.loads(_record_file(settings.prefect_home).read_text()))
    except (OSError, ValueError, TypeError):
        return None  # whoever holds the lock is just writing it


def answers(url: str) -> bool:
    """Whether some Prefect server answers at an API address."""
    return _get(f"{url}/health") is True


def refuses(url: str) -> bool:
    """Whether nothing listens at an API address; a server that is only busy does not refuse."""
    try:
        httpx.get(f"{url}/health", timeout=HEALTH_WALL_SECONDS, trust_env=False)
    except httpx.ConnectError:
        return True
    except httpx.HTTPError:
        return False
    return False


def is_healthy(settings: Settings, server: Server) -> bool:
    """Whether it answers, and is the one that uses our home."""
    told = _get(f"{server.url}/admin/settings") if answers(server.url) else None
    home = told.get("home", "") if isinstance(told, dict) else ""
    return Path(home) == settings.prefect_home.expanduser().absolute()


def _get(url: str) -> Any:
    """JSON of an answer, None if there is none."""
    try:
        answer = httpx.get(url, timeout=HEALTH_WALL_SECONDS, trust_env=False)
        return answer.json() if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError):
        return None


def launch(settings: Settings, port: int | None = None) -> Server:
    """Start the server without waiting for it; one that runs or is starting is returned instead.

    Args:
        settings: say where its home is.
        port: this port and no other; the usual one, or a free one, when None.

    Raises:
        UsageError: the port is taken by somebody else.
        PermanentError: somebody holds the lock but records nothing.
    """
    settings.make_state_dir()
    settings.prefect_home.mkdir(exist_ok=True, mode=0o700)
    deadline = time.monotonic() + LOCK_WALL_SECONDS
    while time.monotonic() < deadline:
        server = find(settings) or _launch_alone(settings, port)
        if server:
            return server
        time.sleep(POLL_WALL_SECONDS)
    raise PermanentError(
        f"another program holds {settings.prefect_home / 'server.lock'}: wait for it, or end it"
    )


def _launch_alone(settings: Settings, port: int | None) -> Server | None:
    """Start a server if the lock is to be had; None when another process has it at the moment."""
    home = settings.prefect_home
    with (home / "server.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return None
        _record_file(home).unlink(missing_ok=True)
        server = _spawn(settings, choose_port(port), lock.fileno())
        _record_file(home).write_text(json.dumps(asdict(server)))
    return server


def _spawn(settings: Settings, port: int, lock: int) -> Server:
    url = f"http://{HOST}:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", HOST, "--port", str(port)]
    variables = {**waa_variables(settings), **server_variables(settings, url)}
    with log_file(settings).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 # our own interpreter
            command,
            cwd=settings.prefect_home,
            env=child_environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock,),  # the lock is the process's from here on
        )
    return Server(url, port, process.pid)


def wait_until_healthy(
    settings: Settings, server: Server, is_over: Callable[[], bool] = lambda: False
) -> bool:
    """Wait for a server that was launched.

    Args:
        settings: say where its home is.
        server: what `launch` returned.
        is_over: asked again and again; True ends the waiting.

    Returns:
        Whether it answers; False only after `is_over`.

    Raises:
        PermanentError: it ended, or did not come up in time; the message shows its log.
    """
    deadline = time.monotonic() + START_WALL_SECONDS
    while not is_over():
        if is_healthy(settings, server):
            return True
        if not is_alive(settings):
            raise PermanentError(f"the Prefect server ended at its start:\n{log_tail(settings)}")
        if time.monotonic() > deadline:
            raise PermanentError(f"the Prefect server does not answer:\n{log_tail(settings)}")
        time.sleep(POLL_WALL_SECONDS)
    return False


def is_alive(settings: Settings) -> bool:
    """Whether the server's process exists."""
    return _is_locked(settings.prefect_home)


def stop(settings: Settings) -> bool:
    """Stop the server in order, by force if it does not obey.

    Returns:
        Whether there was one.

    Raises:
        PermanentError: it cannot be stopped.
    """
    server = find(settings)
    if server is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(server.pid, number)
        if _is_released(settings.prefect_home):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(server.pid, 0)
            _record_file(settings.prefect_home).unlink(missing_ok=True)
            return True
    raise PermanentError(f"the Prefect server (process {server.pid}) does not stop")


def has_records(settings: Settings) -> bool:
    """Whether a server of this home has ever written its database."""
    return (settings.prefect_home / "prefect.db").exists()


def log_file(settings: Settings) -> Path:
    """Where the server writes what it has to say."""
    return settings.prefect_home / "server.log"


def log_tail(settings: Settings) -> str:
    """The end of the log, with its path."""
    lines = log_file(settings).read_text(errors="replace").splitlines()
    return "\n".join([*lines[-LOG_LINES:], f"(all of it in {log_file(settings)})"])


def _record_file(home: Path) -> Path:
    return home / "server.json"


def _is_released(home: Path) -> bool:
    deadline = time.monotonic() + STOP_WALL_SECONDS
    while _is_locked(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_WALL_SECONDS)
    return True


def _is_locked(home: Path) -> bool:
    try:
        with (home / "server.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
