"""One `oa-vm up` for the tests of this folder; at its end nothing of it may be left."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from command_line import CommandLine
from running_stack import Up, processes

SPEED = "300"
"""Fast enough to wait for, slow enough to kill a create in its middle (about 9 s)."""


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running `oa-vm up`, which took over the local Azure that was there."""
    # At this speed two hours, the default, are over in 24 s: auto-pause would join in.
    oa_vm = CommandLine(tmp_path_factory.mktemp("stack"), WAA_AUTO_PAUSE_HOURS="48")
    assert oa_vm("local", "start", "--speed", SPEED).code == 0
    up = Up(oa_vm)
    try:
        up.wait_until_ready()
        yield up
    finally:
        code = up.end(signal.SIGINT)
    assert (code, processes(oa_vm.state_dir)) == (0, {})
