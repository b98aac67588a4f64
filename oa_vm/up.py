"""`oa-vm up`: local Azure, Prefect server, deployments and a Prefect worker, until Ctrl-C.

It starts what is missing, takes over what earlier commands left in the background, and at its end
stops all of it in order: the Prefect worker first, so that no run starts against a dying server.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from local_azure import control
from oa_vm import prefect_server, stack
from oa_vm.children import Child, EndRequest
from oa_vm.environment import foreign_prefect, prefect_variables, waa_variables
from oa_vm.output import FAILED, err, out
from vmpool.errors import PermanentError, UsageError
from vmpool.settings import CloudKind, Settings

WATCH_WALL_SECONDS = 0.5
WORKER_QUERY_WALL_SECONDS = "2"
"""Prefect's ten would be half of a warm resume on the local clock."""
WORKER_STOP_WALL_SECONDS = 10.0
DEPLOY_STOP_WALL_SECONDS = 5.0
DOWN_WALL_SECONDS = 60.0


def run_up(settings: Settings, port: int | None = None) -> int:
    """Run everything until somebody ends it; returns the exit code.

    Args:
        settings: as read.
        port: of the Prefect server; Prefect's usual one when None.

    Raises:
        UsageError: the port is taken, or another `oa-vm up` runs.
        PermanentError: something did not start; the message shows its log.
    """
    with EndRequest() as end, _only_one(settings):
        up = _Up(settings, end)
        try:
            up.start(port or prefect_server.USUAL_PORT)
            return up.watch()
        finally:
            up.stop()


class _Up:
    """What runs, and how it is started, watched and stopped."""

    def __init__(self, settings: Settings, end: EndRequest) -> None:
        self._settings = settings
        self._end = end
        self._worker: Child | None = None
        self._server: prefect_server.Server | None = None
        self._began = time.monotonic()

    def start(self, port: int) -> None:
        """Start all of it; comes back early when the end is asked for."""
        _say("Starting; the first time takes half a minute ...")
        url = foreign_prefect() or self._start_server(port)
        if stack.ensure_local_azure(self._settings):
            _say("Local Azure is up.")
        if self._server and not prefect_server.wait_until_healthy(
            self._settings, self._server, self._end.is_made
        ):
            return
        _say("Prefect server is up.")
        with stack.configured(self._settings, url):
            self._deploy(url)
        if not self._end.is_made():
            _say("Deployments are made.")
            self._worker = self._start_worker(url)
            self._say_ready(url)

    def _start_server(self, port: int) -> str:
        found = prefect_server.find(self._settings)
        self._server = found or prefect_server.launch(self._settings, port)
        if found:
            _say(f"The Prefect server that runs at {found.url} is taken over: it ends with this.")
        return self._server.url

    def _deploy(self, url: str) -> None:
        """Work pool, deployments, schedules."""
        from deployments.schedules import fit_to_speed  # noqa: PLC0415 # Prefect: after its variables
        from deployments.work_pool import ensure_work_pool  # noqa: PLC0415 # same

        asyncio.run(ensure_work_pool())
        self._close_runs("its Prefect worker was killed")
        deploy = self._start_deploy(url)
        try:
            code = deploy.wait(self._end)
        finally:
            deploy.stop(signal.SIGTERM, DEPLOY_STOP_WALL_SECONDS)
        if code:
            raise PermanentError(f"the deployments could not be made:\n{deploy.tail()}")
        found = stack.local_status(self._settings)
        if found and self._settings.cloud is CloudKind.LOCAL and not self._end.is_made():
            asyncio.run(fit_to_speed(found.speed))

    def _close_runs(self, reason: str) -> None:
        """Only on a server of ours: on another one, other Prefect workers may serve the pool."""
        from deployments.interrupted import close_interrupted_runs  # noqa: PLC0415 # as above

        if self._server and prefect_server.is_healthy(self._settings, self._server):
            for name in asyncio.run(close_interrupted_runs(reason)):
                _say(f"Run '{name}' is cut off: {reason}. Running it again completes it.")

    def _start_deploy(self, url: str) -> Child:
        file = deployments_file()
        arguments = ["--no-prompt", "deploy", "--all", "--prefect-file", file.name]
        return self._child("prefect deploy", arguments, url, file.parent)

    def _start_worker(self, url: str) -> Child:
        arguments = ["worker", "start", "--pool", "local", "--type", "process"]
        arguments += ["--name", "oa-vm", "--install-policy", "never"]
        return self._child("Prefect worker", arguments, url, self._settings.prefect_home)

    def _child(self, name: str, arguments: list[str], url: str, folder: Path) -> Child:
        variables = {
            **waa_variables(self._settings),
            **prefect_variables(self._settings, url),
            "PREFECT_WORKER_QUERY_SECONDS": WORKER_QUERY_WALL_SECONDS,
        }
        log = self._settings.prefect_home / f"{name.lower().replace(' ', '-')}.log"
        return Child(name, [sys.executable, "-m", "prefect", *arguments], variables, folder, log)

    def _say_ready(self, url: str) -> None:
        seconds = time.monotonic() - self._began
        other = (
            "" if url.endswith(f":{prefect_server.USUAL_PORT}/api") else f"PREFECT_API_URL={url} "
        )
        _say(f"Ready after {seconds:.0f} s. Prefect UI: [bold]{url.removesuffix('/api')}[/]")
        _say("In another shell, in this folder, with .venv/bin on the PATH:")
        _say(f"  {other}prefect deployment run pool-create/pool-create --param workers=2 --watch")
        _say("  oa-vm pool-status")
        _say(f"Logs are in {self._settings.prefect_home}. Ctrl-C stops all of it.")

    def watch(self) -> int:
        """Wait for the end; a part that ends by itself ends everything."""
        while not self._end.wait(WATCH_WALL_SECONDS):
            ended = self._what_ended()
            if ended:
                err.print(f"[red]{ended}[/]", soft_wrap=True)
                return FAILED
        _say("\nStopping ...")
        return 0

    def _what_ended(self) -> str:
        if self._worker and self._worker.exit_code is not None:
            return f"The Prefect worker ended:\n{self._worker.tail()}"
        if self._server and not prefect_server.is_alive(self._settings):
            return f"The Prefect server ended:\n{prefect_server.log_tail(self._settings)}"
        if self._settings.cloud is CloudKind.LOCAL and not stack.local_status(self._settings):
            return f"The local Azure ended: see {self._settings.local_state_dir / 'server.log'}"
        return ""

    def stop(self) -> None:
        """Stop in order whatever runs."""
        stopped = []
        if self._worker:
            self._worker.stop(signal.SIGINT, WORKER_STOP_WALL_SECONDS)
            stopped.append(self._worker.name)
        if self._worker and self._server:
            with stack.configured(self._settings, self._server.url):
                self._close_runs("oa-vm up was stopped")
        if self._server and prefect_server.stop(self._settings):
            stopped.append("Prefect server")
        if self._settings.cloud is CloudKind.LOCAL and stack.local_status(self._settings):
            control.stop(self._settings.local_state_dir)
            stopped.append("local Azure (its clock stands still, its pools are kept)")
        if stopped:
            _say(f"Stopped: {', '.join(stopped)}.")
        if self._settings.cloud is CloudKind.AZURE:
            _say("Nothing here pauses pools now: oa-vm pool-status shows what runs.")


def run_down(settings: Settings) -> None:
    """Stop what runs in the background, and an `oa-vm up` that runs elsewhere."""
    stopped = ["oa-vm up"] if _end_other_up(settings) else []
    if prefect_server.stop(settings):
        stopped.append("Prefect server")
    if stack.local_status(settings):
        control.stop(settings.local_state_dir)
        stopped.append("local Azure")
    _say(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


def _end_other_up(settings: Settings) -> bool:
    file = settings.state_dir / "up.lock"
    try:
        with _only_one(settings):
            return False
    except UsageError:
        os.kill(int(file.read_text()), signal.SIGTERM)
    deadline = time.monotonic() + DOWN_WALL_SECONDS
    while time.monotonic() < deadline:
        with suppress(UsageError), _only_one(settings):
            return True
        time.sleep(WATCH_WALL_SECONDS)
    raise PermanentError(f"oa-vm up (process {file.read_text()}) does not end")


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Hold the lock of `oa-vm up`.

    Raises:
        UsageError: another one runs.
    """
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.state_dir / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError("oa-vm up runs already: oa-vm down ends it") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def deployments_file() -> Path:
    """prefect.yaml of the installed project, from wherever the command is called.

    Raises:
        PermanentError: it was not installed with the project.
    """
    root = Path(__file__).parent.parent
    for file in (root / "prefect.yaml", root / "deployments" / "prefect.yaml"):
        if file.exists():
            return file
    raise PermanentError(
        f"no prefect.yaml beside {Path(__file__).parent}: install from the sources"
    )


def _say(words: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        out.print(words, soft_wrap=True)
