"""What a test of the flows sees and does: runs, and the cloud behind the product's back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from prefect import Flow, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterName
from prefect.client.schemas.objects import TaskRun
from prefect.client.schemas.sorting import FlowRunSort
from raw_azure import RawAzure

from local_azure import control
from tasks.session import listeners
from vmpool import tags
from vmpool.guest.shell import Address, Shell
from vmpool.model import Phase
from vmpool.timing import Span

BILLED = ("starting", "running", "stopping", "stopped")
PATIENCE_SECONDS = 15.0
API = "2024-07-01"
UNGUARDED = {"WAA_SERVER_DEADLINE": "off"}
"""Two hours are two seconds here: Azure's own timers would end pools in the middle of a test."""


@dataclass
class Run:
    """One flow run that has ended."""

    id: Any
    state: Any
    result: Any
    spans: list[Span]

    @property
    def error(self) -> Exception:
        """What it failed with."""
        assert isinstance(self.result, Exception), self.result
        return self.result

    @property
    def status(self) -> dict[str, Any]:
        """What it returned."""
        assert isinstance(self.result, dict), self.result
        return self.result

    def phases(self, worker: str) -> dict[str, str]:
        """Each phase of a worker, with its error or what it says of itself."""
        return {
            span.phase.value: span.error or span.detail
            for span in self.spans
            if span.worker == worker and span.ended
        }

    def tries(self, worker: str, phase: Phase) -> int:
        """How often a phase was tried."""
        return sum(s.worker == worker and s.phase is phase and not s.ended for s in self.spans)


class SharedPatch:
    """Changes of the environment that end with the last of those who hold them.

    Runs overlap: each undoing its own would bring back what the other had set.
    """

    def __init__(self) -> None:
        self._patch = pytest.MonkeyPatch()
        self._holders = 0

    @contextmanager
    def held(self) -> Iterator[pytest.MonkeyPatch]:
        """Keep what is set until the block ends, or longer if others hold it."""
        self._holders += 1
        try:
            yield self._patch
        finally:
            self._holders -= 1
            if not self._holders:
                self._patch.undo()


PATCH = SharedPatch()


@dataclass
class World:
    """One resource group, and the pool in it."""

    state_dir: Path
    raw: RawAzure
    group: str
    pool: str = ""
    variables: dict[str, str] = field(default_factory=lambda: dict(UNGUARDED))

    def __post_init__(self) -> None:
        self.pool = self.pool or f"p{self.group[1:]}"
        self.path = f"/resourceGroups/{self.group}"

    @contextmanager
    def environment(self) -> Iterator[None]:
        """The settings of this world."""
        with PATCH.held() as patch:
            patch.chdir(self.state_dir)  # no .env there
            patch.setenv("WAA_STATE_DIR", str(self.state_dir))
            patch.setenv("WAA_RESOURCE_GROUP", self.group)
            for name, value in self.variables.items():
                patch.setenv(name, value)
            yield

    async def run(self, flow: Flow[..., Any], **parameters: Any) -> Run:
        """Run a flow to its end, good or bad; on this world's pool, if it takes one."""
        if "pool" in flow.parameters.properties:
            parameters = {"pool": self.pool, **parameters}
        spans: list[Span] = []
        token = listeners.set((spans.append,))
        try:
            with self.environment():
                state = await flow(**parameters, return_state=True)
        finally:
            listeners.reset(token)
        result = await state.result(raise_on_failure=False)
        return Run(state.state_details.flow_run_id, state, result, spans)

    def run_now(self, flow: Flow[..., Any], **parameters: Any) -> Run:
        """Like `run`, for fixtures that many tests share."""
        return asyncio.run(self.run(flow, **parameters))

    def worker(self, index: int) -> str:
        """Name of a worker."""
        return f"{self.pool}-{index:02d}"

    def vm_path(self, index: int) -> str:
        """Path of a worker's VM."""
        return f"{self.path}/providers/Microsoft.Compute/virtualMachines/{self.worker(index)}"

    def vm(self, index: int) -> dict[str, Any] | None:
        """A worker's VM with its instance view, None if there is none."""
        answer = self.raw.call("GET", self.vm_path(index) + "?$expand=instanceView")
        return answer.json() if answer.status_code == 200 else None

    def power(self, index: int) -> str:
        """A worker's power state, "gone" without VM."""
        vm = self.vm(index)
        return power_of(vm) if vm else "gone"

    def is_ready(self, index: int) -> bool:
        """Whether a worker runs and was brought to ready by the last operation."""
        vm = self.vm(index)
        wanted = {tags.INTENT: "ready", tags.WINDOWS: "ready"}
        return bool(vm) and power_of(vm) == "running" and wanted.items() <= vm["tags"].items()

    def tags(self, index: int) -> dict[str, str]:
        """A worker's tags."""
        vm = self.vm(index)
        assert vm
        return dict(vm["tags"])

    def retag(self, index: int, **changed: str) -> None:
        """Write tags behind the product's back; underscores stand for dashes."""
        properties = {"tags": {key.replace("_", "-"): value for key, value in changed.items()}}
        body = {"operation": "Merge", "properties": properties}
        path = f"{self.vm_path(index)}/providers/Microsoft.Resources/tags/default"
        assert self.raw.call("PATCH", path, body, api="2021-04-01").is_success

    def do(self, index: int, verb: str) -> None:
        """Start, powerOff or deallocate a VM as somebody in the portal would."""
        self.raw.do("POST", f"{self.vm_path(index)}/{verb}")

    def parts(self) -> set[str]:
        """Names of all that is in the group."""
        found: set[str] = set()
        for kind in (
            "Compute/virtualMachines",
            "Compute/disks",
            "Network/networkInterfaces",
            "Network/publicIPAddresses",
            "Network/networkSecurityGroups",
            "Network/virtualNetworks",
        ):
            answer = self.raw.call("GET", f"{self.path}/providers/Microsoft.{kind}")
            if answer.status_code == 200:
                found |= {item["name"] for item in answer.json()["value"]}
        return found

    def rates(self) -> dict[str, float]:
        """USD per hour now of everything in the group that costs anything, by name."""
        prefix = f"{self.raw.subscription}{self.path}/".lower()
        return {
            item["id"].rpartition("/")[2]: item["usd_per_hour"]
            for item in self.raw.meter()["resources"]
            if item["id"].lower().startswith(prefix) and item["usd_per_hour"]
        }

    def fault(self, **fault: Any) -> None:
        """Have Azure misbehave."""
        self.raw.fault(**fault)

    def hurt(self, index: int, kind: str, **more: Any) -> None:
        """Have a guest misbehave."""
        self.raw.fault(kind="guest", vm=self.worker(index), fault={"kind": kind, **more})

    def requests(self) -> list[dict[str, Any]]:
        """Requests that concern this group, oldest first."""
        log = control.ask(self.raw.status, "GET", "/_local/requests")["requests"]
        return [entry for entry in log if f"{self.path}/".lower() in entry["path"].lower()]

    def forget_requests(self) -> None:
        """Empty the log, which keeps the latest only."""
        control.ask(self.raw.status, "DELETE", "/_local/requests")

    def shell(self, index: int) -> Shell:
        """A worker's shell."""
        address = self.raw.get(
            f"{self.path}/providers/Microsoft.Network/publicIPAddresses/{self.worker(index)}-ip"
        )["properties"]["ipAddress"]
        key_file = self.state_dir / "id_ed25519"
        port = self.raw.status.ssh_port
        return Shell(Address(address, port, "azureuser", key_file, self.tags(index)[tags.HOST_KEY]))

    def windows_log(self, index: int) -> str:
        """What a worker's container has printed since its last start; Docker keeps all of it."""
        shell = self.shell(index)
        answer = shell.run(["sudo", "docker", "logs", "winarena"], 20)
        shell.close()
        return (answer.out + answer.err).rpartition("Starting Windows for Docker")[2]

    async def until(
        self, is_so: Callable[[], Any], what: str = "it", seconds: float = PATIENCE_SECONDS
    ) -> Any:
        """Wait for something that happens in the cloud."""
        deadline = time.monotonic() + seconds
        while not (found := await asyncio.to_thread(is_so)):
            assert time.monotonic() < deadline, f"{what} did not happen"
            await asyncio.sleep(0.01)
        return found

    def check_timers(self) -> None:
        """Whatever is billed has a timer."""
        for vm in self.vms():
            if power_of(vm) in BILLED:
                assert tags.parse_time(vm["tags"].get(tags.AUTO_PAUSE_AT)), vm["name"]

    def vms(self) -> list[dict[str, Any]]:
        """Every VM of the group with its instance view."""
        path = f"{self.path}/providers/Microsoft.Compute/virtualMachines"
        answer = self.raw.call("GET", path)
        names = [vm["name"] for vm in answer.json()["value"]] if answer.is_success else []
        found = [self.raw.call("GET", f"{path}/{name}?$expand=instanceView") for name in names]
        return [answer.json() for answer in found if answer.is_success]

    def close(self) -> None:
        """No more trouble, and nothing left that would burden the tests that follow."""
        self.raw.clear_faults()
        self.raw.call("DELETE", self.path)


def power_of(vm: dict[str, Any]) -> str:
    """The power state in a VM's document, "" when it has none."""
    codes = [s["code"] for s in vm["properties"].get("instanceView", {}).get("statuses", [])]
    return next((c.partition("/")[2] for c in codes if c.startswith("PowerState/")), "")


class Watch(threading.Thread):
    """Looks at every VM of a world again and again while something runs."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self._world = world
        self._is_over = threading.Event()
        self.seen: list[dict[str, Any]] = []

    def run(self) -> None:
        """Look."""
        while not self._is_over.wait(0.005):
            self.seen += self._world.vms()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()


async def task_runs(run_id: Any, count: int) -> list[TaskRun]:
    """The task runs of a flow run, once the server has heard of that many that ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with get_client() as client:
        while True:
            found = await client.read_task_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id])), limit=200
            )
            ended = [run for run in found if run.state and run.state.is_final()]
            if len(ended) >= count:
                return ended
            assert time.monotonic() < deadline, [(r.name, r.state_name) for r in found]
            await asyncio.sleep(0.1)


async def states_of_runs(name: str) -> list[str]:
    """Names of the states of all flow runs of a name, oldest first."""
    named = FlowRunFilter(name=FlowRunFilterName(any_=[name]))
    async with get_client() as client:
        runs = await client.read_flow_runs(
            flow_run_filter=named, sort=FlowRunSort.EXPECTED_START_TIME_ASC
        )
    return [str(run.state_name) for run in runs]
