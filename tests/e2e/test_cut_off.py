"""A Prefect server that ends under a run: said in one line, soon; `down` doesn't do it unasked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import OA_VM, CommandLine
from running_stack import processes, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

LONGEST_END_SECONDS = 15.0


@contextmanager
def creating(oa_vm: CommandLine, pool: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A `pool-create` in its middle, and what it says."""
    words = oa_vm.state_dir / f"{pool}.txt"
    with (
        words.open("w") as file,
        subprocess.Popen(
            [OA_VM, "pool-create", "--pool", pool],
            env=oa_vm.environment,
            cwd=oa_vm.state_dir,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            text=True,
        ) as process,
    ):
        until(lambda: "pull-image ..." in words.read_text(), 120, "the middle of the create")
        yield process, words


def assert_ends_well(process: subprocess.Popen[str], words: Path) -> None:
    """Soon, with one line that says what to do, and nothing of Prefect's inside."""
    began = time.monotonic()
    assert process.wait(LONGEST_END_SECONDS) == 1
    assert time.monotonic() - began < LONGEST_END_SECONDS
    said = words.read_text()
    (line,) = [line for line in said.splitlines() if line.startswith("oa-vm: ")]
    assert "the Prefect server ended under the run" in line
    assert not [word for word in ("Traceback", "EventsWorker", "prefect._internal") if word in said]


def test_a_run_whose_server_goes_ends_at_once_and_down_asks_first(tmp_path: Path) -> None:
    oa_vm = CommandLine(tmp_path)
    assert oa_vm("local", "start", "--speed", "60").code == 0
    with creating(oa_vm, "first") as (process, words):
        refused = oa_vm("down")
        assert refused.code == 1
        assert "run 'pool-create first' would be cut off" in refused.trouble
        assert "--force" in refused.trouble
        assert process.poll() is None
        number = json.loads((tmp_path / "prefect" / "server.json").read_text())["pid"]
        os.kill(number, signal.SIGKILL)
        assert_ends_well(process, words)
    left = json.loads(oa_vm("pool-status", "--pool", "first", "--json").out)
    assert left["auto_pause_at"]

    with creating(oa_vm, "second") as (process, words):
        assert oa_vm("down", "--force").code == 0
        assert_ends_well(process, words)
    assert processes(tmp_path) == {}
