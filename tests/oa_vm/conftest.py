"""Command lines: one beside a running local Azure that holds nothing, one without any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine, InProcess

from local_azure import control


@pytest.fixture(scope="module")
def oa_vm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """`oa-vm` beside a running local Azure."""
    folder = tmp_path_factory.mktemp("state")
    control.launch(folder / "azure", control.Wanted(speed=1000.0, guests="none"))
    yield InProcess(folder)
    control.stop(folder / "azure")


@pytest.fixture
def lone_oa_vm(tmp_path: Path) -> CommandLine:
    """`oa-vm` where nothing runs."""
    return InProcess(tmp_path)
