"""A pool with real guests, made by the product's own clients of Azure and VMs, without a flow.

Workers 00 and 01 run, 02 is deallocated; 00 has a Windows that is up. SSH is open to a stranger
only, as for a pool that somebody else created.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from command_line import OA_VM, CommandLine, InProcess
from raw_azure import RawAzure

from local_azure.control import Status
from vmpool import naming, tags
from vmpool.arm import machines, network
from vmpool.arm.admission import admit_caller
from vmpool.arm.clients import Cloud, connect
from vmpool.arm.machines import CreateVm
from vmpool.guest import cloud_init, docker, windows
from vmpool.guest.connection import Address
from vmpool.guest.keys import ensure_client_key, new_host_key
from vmpool.guest.shell import Shell
from vmpool.model import Intent, Place, WorkerTags
from vmpool.settings import Settings

SIZE, REGION, POOL = "Standard_D8ds_v5", "eastus", "waa-pool"
STRANGER = "203.0.113.9/32"
PATIENCE_SECONDS = 60.0
LIMIT = 30.0


def until(check: Callable[[], Any], what: str) -> Any:
    """Ask again and again until there is an answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := check()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)
    return answer


@dataclass
class RunningPool:
    """The pool, and the command line beside it."""

    oa_vm: InProcess
    status: Status
    pool_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        self.settings = Settings(_env_file=None, state_dir=self.oa_vm.state_dir)
        self.cloud: Cloud = connect(self.settings)
        self.raw = RawAzure(self.status)
        self.addresses: dict[str, Address] = {}

    def make(self) -> None:
        """Have everything as the module says."""
        shared = network.ensure_pool_network(self.cloud, POOL, self.pool_id, REGION, STRANGER)
        begun = [self._begin(naming.worker_name(POOL, number), shared) for number in range(3)]
        for operation in begun:
            operation.wait(PATIENCE_SECONDS)
        machines.begin_deallocate(self.cloud, "waa-pool-02").wait(PATIENCE_SECONDS)
        self._start_windows("waa-pool-00")

    def _begin(self, worker: str, shared: network.PoolNetwork) -> machines.Operation:
        host_key = new_host_key()
        mine = network.ensure_worker_network(self.cloud, POOL, self.pool_id, worker, shared, REGION)
        self.addresses[worker] = Address(
            mine.ip,
            self.cloud.ssh_port,
            self.settings.admin_username,
            self.settings.key_file,
            host_key.public_line,
        )
        written = WorkerTags(
            POOL, self.pool_id, worker, Intent.CREATE, self.cloud.clock.now(),
            host_key=host_key.public_line,
        )  # fmt: skip
        request = CreateVm(
            name=worker,
            place=Place(SIZE, REGION),
            nic_id=mine.nic_id,
            os_disk_name=naming.os_disk_name(worker),
            os_disk_gb=128,
            admin_username=self.settings.admin_username,
            ssh_public_key=ensure_client_key(self.settings.key_file),
            user_data=cloud_init.user_data(self.settings, host_key),
            tags=tags.encode(written),
        )
        return machines.begin_create(self.cloud, request)

    def _start_windows(self, worker: str) -> None:
        """Put everything into Docker that this takes; our own door is closed again afterwards."""
        rule = self.raw.get(self.rule)
        admit_caller(self.cloud, POOL, self.pool_id, [REGION])
        shell = Shell(self.addresses[worker])
        until(lambda: docker.is_ready(shell, LIMIT), "Docker")
        windows.create(shell, self.settings, "dockurr/windows", LIMIT)
        until(lambda: windows.probe(shell, LIMIT), "Windows")
        shell.close()
        assert self.raw.call("PUT", self.rule, rule).is_success

    @property
    def rule(self) -> str:
        """Path of the rule that admits SSH."""
        groups = "/resourceGroups/waa/providers/Microsoft.Network/networkSecurityGroups"
        return f"{groups}/{naming.nsg_name(POOL, REGION)}/securityRules/allow-ssh"

    def vm(self, worker: str) -> str:
        """Path of a worker's VM."""
        return f"/resourceGroups/waa/providers/Microsoft.Compute/virtualMachines/{worker}"

    def retag(self, worker: str, tag: str, value: str) -> None:
        """Write a tag behind the product's back."""
        body = {"operation": "Merge", "properties": {"tags": {tag: value}}}
        path = f"{self.vm(worker)}/providers/Microsoft.Resources/tags/default"
        assert self.raw.call("PATCH", path, body, api="2021-04-01").is_success

    def hold(self, *arguments: str) -> Held:
        """Begin a command that goes on until it is ended."""
        return Held(self.oa_vm, arguments)


class Held:
    """A command that goes on.

    Args:
        oa_vm: the command line.
        arguments: of the command.
    """

    def __init__(self, oa_vm: CommandLine, arguments: tuple[str, ...]) -> None:
        name = uuid.uuid4().hex
        self._out, self._err = (oa_vm.state_dir / f"{name}.{end}" for end in ("out", "err"))
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [OA_VM, *arguments],
                env=oa_vm.environment,
                cwd=oa_vm.state_dir,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def out(self) -> str:
        """What it has printed."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """What it has said beside that."""
        return self._err.read_text()

    def says(self, words: str) -> str:
        """Wait until it has printed some words, to either output; all that it has printed."""

        def look() -> bool:
            ended = self.process.poll() is not None
            assert not ended or words in self.out + self.err, (self.out, self.err)
            return words in self.out + self.err

        until(look, f"{words!r}")
        return self.out

    def document(self) -> Any:
        """The JSON document that it has printed."""

        def look() -> Any:
            assert self.process.poll() is None, self.err
            try:
                return json.loads(self.out)
            except ValueError:
                return None

        return until(look, "JSON")

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ctrl-C; its exit code."""
        os.kill(self.process.pid, number)
        return self.process.wait(PATIENCE_SECONDS)


def leftovers(folder: Path) -> list[str]:
    """Files of `pool-ssh` in a temporary folder."""
    return [item.name for item in folder.glob("oa-vm-ssh-*")]
