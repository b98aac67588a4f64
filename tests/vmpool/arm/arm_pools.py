"""Pools of a test's own, made through the code under test."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from local_azure import control
from local_azure.control import Status
from vmpool import naming, tags
from vmpool.arm import images, machines, network
from vmpool.arm.clients import Cloud, connect
from vmpool.arm.machines import CreateVm, Operation
from vmpool.arm.rest import at_once
from vmpool.golden import Image, ImageKind, ImageState
from vmpool.model import Intent, Place, WorkerTags
from vmpool.settings import Settings

SIZE, REGION = "Standard_D8ds_v5", "eastus"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0wUXcSIG1oCMBLKhrBtIZ4qe0bwEWDcJw1yHTmJ0qP test"
PATIENCE_SECONDS = 60.0
IMAGE_NAME = "waa-image-20261124-003000"


def connected(status: Status, folder: Path, **settings: Any) -> Cloud:
    """A connection to a running server, through the settings as a user would have them."""
    link = folder / "azure"
    if not link.exists():
        folder.mkdir(parents=True, exist_ok=True)
        link.symlink_to(status.state_dir)
    return connect(Settings(_env_file=None, state_dir=folder, **settings))


@dataclass
class Trouble:
    """A connection to a server that can be told to misbehave."""

    status: Status
    cloud: Cloud

    def fault(self, **fault: Any) -> None:
        """Ask for trouble."""
        control.ask(self.status, "POST", "/_local/faults", fault)

    def advance(self, seconds: float) -> None:
        """Let cloud time pass at once."""
        control.ask(self.status, "POST", "/_local/clock", {"advance": seconds})

    def stop(self) -> None:
        """End the server."""
        control.stop(Path(self.status.state_dir))


@dataclass
class Pool:
    """A pool of one test."""

    cloud: Cloud
    name: str
    pool_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    region: str = REGION

    def networks(self, count: int) -> list[str]:
        """NIC ids of the first `count` workers."""
        shared = network.ensure_pool_network(
            self.cloud, self.name, self.pool_id, self.region, "127.0.0.1/32"
        )

        def make(index: int) -> str:
            worker = naming.worker_name(self.name, index)
            return network.ensure_worker_network(
                self.cloud, self.name, self.pool_id, worker, shared, self.region
            ).nic_id

        return at_once([partial(make, index) for index in range(count)])

    def request(self, index: int, nic_id: str, size: str = SIZE) -> CreateVm:
        """What creates a worker."""
        worker = naming.worker_name(self.name, index)
        written = WorkerTags(self.name, self.pool_id, worker, Intent.CREATE, self.cloud.clock.now())
        return CreateVm(
            name=worker,
            place=Place(size, self.region),
            nic_id=nic_id,
            os_disk_name=naming.os_disk_name(worker),
            os_disk_gb=128,
            admin_username="azureuser",
            ssh_public_key=KEY,
            user_data="#cloud-config\n{}\n",
            tags=tags.encode(written),
        )

    def create(self, count: int, wait: Callable[[], None] = lambda: None) -> list[str]:
        """Create workers and wait, at first with `wait`; returns their names."""
        nics = self.networks(count)
        begun = [
            machines.begin_create(self.cloud, self.request(index, nic))
            for index, nic in enumerate(nics)
        ]
        wait()
        finish(*begun)
        return [naming.worker_name(self.name, index) for index in range(count)]


def finish(*operations: Operation) -> None:
    """Wait for operations that must succeed."""
    for operation in operations:
        operation.wait(PATIENCE_SECONDS)


def golden_image(kind: ImageKind, *others: str) -> Image:
    """An image to be made."""
    return Image(
        name=IMAGE_NAME,
        resource_id="",
        region="eastus",
        size_gb=128,
        state=ImageState.CANDIDATE,
        created_at=datetime(2026, 11, 24, 0, 30, tzinfo=UTC),
        docker_image="waa-auto:abc",
        has_windows=True,
        kind=kind,
        replicated_to=others,
        replicas=1 + len(others),
    )


def generalized_vm(cloud: Cloud, name: str) -> str:
    """Name of a VM that can be captured."""
    (vm,) = Pool(cloud, name).create(1)
    finish(machines.begin_deallocate(cloud, vm))
    images.generalize(cloud, vm)
    return vm
