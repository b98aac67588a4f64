"""Fixtures that every test may use: real local Azures, each a process of its own.

`local_azure`: one server for the whole run, at `SPEED`; yields its `control.Status`. Share it:
    use names of your own for resources (or the `unique_name` fixture), expect others' beside them.
`fresh_azure`: a function that starts a server nobody else uses and stops it after the test:
    `azure = fresh_azure()`, or `fresh_azure(speed=50_000, guests="none")`. Costs about 0.2 s.
`still_azure`: a `raw_azure.RawAzure` on one server for the whole run whose clock hardly moves by
    itself (speed 1) and whose VMs are empty: a test lets time pass with `advance(seconds)`.
`group`: a resource group of the test's own on `still_azure`.
"""

from __future__ import annotations

import itertools
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from forked_azure import Nursery
from raw_azure import Group, RawAzure

from local_azure import control
from local_azure.control import Status, Wanted

SPEED = 1000.0
"""Cloud seconds per wall second: a VM is created in 0.3 s, Windows boots first in 1.2 s."""


def pytest_configure() -> None:
    """A shell has what it starts in the background ignore Ctrl-C, and all children with it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def nursery() -> Iterator[None]:
    """Local Azures that are started in this process are forked, see `forked_azure`."""
    made = Nursery()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(control, "spawn", made.spawn)
        yield
    made.close()


@pytest.fixture(scope="session")
def local_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Status]:
    """A running local Azure, shared by all tests of a run."""
    folder = tmp_path_factory.mktemp("azure")
    yield control.launch(folder, Wanted(speed=SPEED))
    control.stop(folder)


@pytest.fixture(scope="session")
def still_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RawAzure]:
    """A client of a server whose clock only the tests move."""
    folder = tmp_path_factory.mktemp("still-azure")
    yield RawAzure(control.launch(folder, Wanted(speed=1.0, guests="none")))
    control.stop(folder)


@pytest.fixture
def group(still_azure: RawAzure, unique_name: str) -> Iterator[Group]:
    """A resource group on the still server; faults and time of its test are cleaned up."""
    still_azure.advance(3600)  # full buckets, whatever the test before did
    yield Group(still_azure, unique_name)
    still_azure.clear_faults()
    still_azure.call("DELETE", f"/resourceGroups/{unique_name}")
    still_azure.advance(3600)


@pytest.fixture
def fresh_azure(tmp_path: Path) -> Iterator[Callable[..., Status]]:
    """Starts local Azures of this test's own; takes the fields of `control.Wanted`."""
    folders: list[Path] = []
    numbers = itertools.count()

    def start(**wanted: Any) -> Status:
        folder = tmp_path / f"azure-{next(numbers)}"
        folders.append(folder)
        return control.launch(folder, Wanted(**{"speed": SPEED, **wanted}))

    yield start
    for folder in folders:
        control.stop(folder)


@pytest.fixture
def unique_name() -> str:
    """A resource name that no other test has."""
    return f"t{uuid.uuid4().hex[:10]}"
