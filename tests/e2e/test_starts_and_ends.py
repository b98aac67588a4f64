"""However it starts and ends: one server for all, taken over where it runs, nothing left behind."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from command_line import CommandLine
from running_stack import Up, processes, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


@pytest.mark.parametrize(
    ("number", "after_seconds"),
    [(signal.SIGINT, 0.5), (signal.SIGTERM, 3.5), (signal.SIGHUP, 10.5)],
)
def test_an_end_during_the_start_leaves_nothing(
    tmp_path: Path, number: signal.Signals, after_seconds: float
) -> None:
    up = Up(CommandLine(tmp_path))
    until(lambda: up.words, 60, "its first word")
    time.sleep(after_seconds)  # the moment is the point
    code = up.end(number)
    assert "Traceback" not in up.words
    assert (code, processes(tmp_path)) == (0, {})


def test_two_commands_at_once_share_one_server_and_down_stops_it(tmp_path: Path) -> None:
    oa_vm = CommandLine(tmp_path)
    assert oa_vm("local", "start", "--speed", "1000").code == 0
    with ThreadPoolExecutor() as threads:
        first, second = threads.map(
            lambda pool: oa_vm("pool-create", "--pool", pool), ("one", "two")
        )
    assert (first.code, second.code) == (0, 0), first.err + second.err
    servers = [line for line in processes(tmp_path).values() if "prefect server start" in line]
    assert len(servers) == 1
    assert oa_vm("down").code == 0
    assert processes(tmp_path) == {}
