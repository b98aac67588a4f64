"""A registry of each storage: one server for the whole run, one registry on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from raw_azure import Group, RawAzure
from raw_registry import RawRegistry, create_registry

from local_azure import control
from local_azure.control import Wanted


@pytest.fixture(scope="session", params=["own", "docker-registry"])
def storage(request: pytest.FixtureRequest) -> str:
    """What keeps the content; the real registry only where it is installed."""
    kind: str = request.param
    if kind == "docker-registry" and not shutil.which(kind):
        pytest.skip("docker-registry is not installed")
    return kind


@pytest.fixture(scope="session")
def home(storage: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """A group on a server whose clock only the tests move."""
    folder = tmp_path_factory.mktemp(f"azure-{storage}")
    wanted = Wanted(speed=1.0, guests="none", registries=storage)
    yield Group(RawAzure(control.launch(folder, wanted)), "demo")
    control.stop(folder)


@pytest.fixture(scope="session")
def registry(home: Group) -> RawRegistry:
    """A registry; use repositories of your own."""
    shown = create_registry(home, "shared01")
    return RawRegistry(home.azure, shown["properties"]["loginServer"])
