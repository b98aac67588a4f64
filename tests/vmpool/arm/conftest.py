"""A connection to a real local Azure, and pools of a test's own on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arm_pools import Pool, Trouble, connected

from local_azure import control
from local_azure.control import Status, Wanted
from vmpool.arm.clients import Cloud
from vmpool.arm.pipeline import Exchange

SPEED = 5000.0


@pytest.fixture(scope="session")
def arm_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Status]:
    """A server shared by these tests; its VMs are empty, as nobody looks inside."""
    folder = tmp_path_factory.mktemp("arm-azure")
    yield control.launch(folder, Wanted(speed=SPEED, guests="none"))
    control.stop(folder)


@pytest.fixture
def cloud(arm_azure: Status, tmp_path: Path) -> Cloud:
    """A connection to the shared server."""
    return connected(arm_azure, tmp_path / "state")


@pytest.fixture
def fresh_cloud(fresh_azure: Callable[..., Status], tmp_path: Path) -> Callable[..., Trouble]:
    """Starts a server of the test's own, whose faults harm nobody else."""

    def start(**wanted: Any) -> Trouble:
        status = fresh_azure(**{"guests": "none", **wanted})
        return Trouble(status, connected(status, tmp_path / "state"))

    return start


@pytest.fixture
def pool(cloud: Cloud, unique_name: str) -> Pool:
    """A pool that does not exist yet."""
    return Pool(cloud, unique_name)


@pytest.fixture
def exchanges(cloud: Cloud) -> list[Exchange]:
    """Every request that `cloud` sends from now on."""
    seen: list[Exchange] = []
    cloud.watchers.append(seen.append)
    return seen
