"""`oa-vm up`: local Azure, Prefect server, deployments and a Prefect worker, until Ctrl-C.

It starts what is missing, takes over what earlier commands left in the background, and at its end
stops all of it in order: the Prefect worker first, so that no run starts against a dying server.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from local_azure import control
from oa_vm import prefect_server, stack
from oa_vm.children import Child, EndRequest
from oa_vm.down import only_one
from oa_vm.environment import foreign_prefect, prefect_variables, waa_variables
from oa_vm.output import FAILED, err, say
from oa_vm.ports import USUAL_PORT
from vmpool.errors import PermanentError
from vmpool.settings import CloudKind, Settings

WATCH_WALL_SECONDS = 0.5
WORKER_QUERY_WALL_SECONDS = "2"
"""Prefect's ten would be half of a warm resume on the local clock."""
WORKER_STOP_WALL_SECONDS = 10.0
DEPLOY_STOP_WALL_SECONDS = 5.0


def run_up(settings: Settings, port: int | None = None) -> int:
    """Run everything until somebody ends it; returns the exit code.

    Args:
        settings: as read.
        port: of the Prefect server; Prefect's usual one when None.

    Raises:
        UsageError: the port is taken, or another `oa-vm up` runs.
        PermanentError: something did not start; the message shows its log.
    """
    with EndRequest() as end, only_one(settings):
        up = _Up(settings, end)
        try:
            up.start(port or USUAL_PORT)
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
        say("Starting; the first time takes half a minute ...")
        url = foreign_prefect() or self._start_server(port)
        if stack.ensure_local_azure(self._settings):
            say("Local Azure is up.")
        if self._server and not prefect_server.wait_until_healthy(
            self._settings, self._server, self._end.is_made
        ):
            return
        say("Prefect server is up.")
        with stack.configured(self._settings, url):
            self._deploy(url)
        if not self._end.is_made():
            say("Deployments are made.")
            self._worker = self._start_worker(url)
            self._say_ready(url)

    def _start_server(self, port: int) -> str:
        found = prefect_server.find(self._settings)
        self._server = found or prefect_server.launch(self._settings, port)
        if found:
            say(f"The Prefect server that runs at {found.url} is taken over: it ends with this.")
        return self._server.url

    def _deploy(self, url: str) -> None:
        """Work pool, deployments, schedules."""
        from deployments.schedules import fit_to_speed  # noqa: PLC0415 # Prefect: after its variables
        from deployments.work_pool import ensure_work_pool  # noqa: PLC0415 # same

        asyncio.run(ensure_work_pool())
        self._ensure_notifications()
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

    def _ensure_notifications(self) -> None:
        from deployments.notifications import ensure_notifications  # noqa: PLC0415 # as above

        asyncio.run(ensure_notifications(self._settings.notification_block))

    def _close_runs(self, reason: str) -> None:
        """Only on a server of ours: on another one, other Prefect workers may serve the pool."""
        from deployments.interrupted import close_interrupted_runs  # noqa: PLC0415 # as above

        if self._server and prefect_server.is_healthy(self._settings, self._server):
            for name in asyncio.run(close_interrupted_runs(reason)):
                say(f"Run '{name}' is cut off: {reason}. Running it again completes it.")

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
        say(f"Ready after {seconds:.0f} s. Prefect UI: [bold]{url.removesuffix('/api')}[/]")
        say("In another shell, in this folder, with .venv/bin on the PATH:")
        if not url.endswith(f":{USUAL_PORT}/api"):
            say(f"  export PREFECT_API_URL={url}")
        say("  prefect deployment run pool-create/pool-create --param workers=2 --watch")
        say("  oa-vm pool-status")
        say(f"Logs are in {self._settings.prefect_home}. Ctrl-C stops all of it.")

    def watch(self) -> int:
        """Wait for the end; a part that ends by itself ends everything."""
        while not self._end.wait(WATCH_WALL_SECONDS):
            ended = self._what_ended()
            if ended:
                err.print(f"[red]{ended}[/]")
                return FAILED
        say("\nStopping ...")
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
            say(f"Stopped: {', '.join(stopped)}.")
        if self._settings.cloud is CloudKind.AZURE:
            say("Nothing here pauses pools now: oa-vm pool-status shows what runs.")


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
