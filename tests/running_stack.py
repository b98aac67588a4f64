"""A real `oa-vm up` in a state folder of its own, and what can be asked of it over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from command_line import OA_VM, CommandLine
from raw_azure import RawAzure

from local_azure import control

START_SECONDS = 180.0
END_SECONDS = 60.0
BUSY_TRIES = 5


def until(check: Callable[[], Any], seconds: float, what: str) -> Any:
    """Ask again and again until there is an answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = check()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes(state_dir: Path) -> dict[int, str]:
    """Command lines, by id, of every process that was started for a state folder."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"WAA_STATE_DIR={state_dir}".encode() in environment and command:
            found[int(folder.name)] = command
    return found


class Up:
    """A running `oa-vm up`.

    Args:
        oa_vm: command line with the state folder to use.
    """

    def __init__(self, oa_vm: CommandLine) -> None:
        self.port = free_port()
        self.api = f"http://127.0.0.1:{self.port}/api"
        self.oa_vm = oa_vm
        self._file = oa_vm.state_dir / "up.txt"
        with self._file.open("wb") as output:
            self._process = subprocess.Popen(
                [OA_VM, "up", "--port", str(self.port)],
                env=oa_vm.environment,
                cwd=oa_vm.state_dir,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def words(self) -> str:
        """What it has printed."""
        return self._file.read_text()

    def wait_until_ready(self) -> None:
        """Wait until it says so."""
        until(
            lambda: "Ready after" in self.words or self._process.poll() is not None,
            START_SECONDS,
            "the start of oa-vm up",
        )
        assert "Ready after" in self.words, self.words

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for its end; the exit code."""
        self._process.send_signal(number)
        return self._process.wait(END_SECONDS)

    def prefect(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Type a `prefect` command in another shell."""
        return subprocess.run(
            [OA_VM.parent / "prefect", *arguments],
            env={**self.oa_vm.environment, "PREFECT_API_URL": self.api},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """POST to Prefect's API; again while its database is busy, as Prefect's client does."""
        for _ in range(BUSY_TRIES):
            answer = httpx.post(f"{self.api}{path}", json=body or {}, timeout=30, trust_env=False)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(1.0)
        answer.raise_for_status()
        return answer.json()

    def run(self, deployment: str, parameters: dict[str, Any]) -> str:
        """Have a deployment run; the run's id."""
        url = f"{self.api}/deployments/name/{deployment}/{deployment}"
        found = httpx.get(url, timeout=30, trust_env=False).json()
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self.ask(f"/deployments/{found['id']}/create_flow_run", body)["id"])

    def task_names(self, flow_run: str) -> list[str]:
        """Names of a run's task runs."""
        body = {"flow_runs": {"id": {"any_": [flow_run]}}}
        return [str(task["name"]) for task in self.ask("/task_runs/filter", body)]

    def parts(self, pool: str) -> Counter[str]:
        """How many resources of each type there are of a pool, by name: tags could be missing."""
        running = control.status(self.oa_vm.state_dir / "azure")
        assert running
        found = RawAzure(running).get("/resources")["value"]
        return Counter(item["type"] for item in found if item["name"].startswith(pool))


def kill_flow_process(state_dir: Path, flow_run: str) -> None:
    """Kill -9 the process of a flow run."""
    for number in processes(state_dir):
        environment = Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
        if f"PREFECT__FLOW_RUN_ID={flow_run}".encode() in environment:
            os.kill(number, signal.SIGKILL)
            return
    raise AssertionError(f"no process of run {flow_run}")
