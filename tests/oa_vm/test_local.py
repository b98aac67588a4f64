"""`oa-vm local`: what a person types to look at the local Azure's clock, and to stop an old one."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from command_line import CommandLine, InProcess


def test_the_clock_is_shown_and_moved_on_by_days(oa_vm: CommandLine) -> None:
    before = json.loads(oa_vm("local", "clock", "--json").out)["now"]
    after = json.loads(oa_vm("local", "clock", "advance", "14d", "--json").out)["now"]
    gone = datetime.fromisoformat(after) - datetime.fromisoformat(before)
    assert timedelta(days=14) <= gone < timedelta(days=15)
    assert "times as fast" in oa_vm("local", "clock").out


@pytest.mark.parametrize("span", ["soon", "14x", "d"])
def test_what_is_no_span_is_refused_with_what_one_looks_like(oa_vm: CommandLine, span: str) -> None:
    answer = oa_vm("local", "clock", "advance", span)
    assert answer.code == 2
    assert "14d" in answer.err


def test_a_server_of_another_version_is_named_and_can_be_stopped(tmp_path: Path) -> None:
    oa_vm = InProcess(tmp_path)
    assert oa_vm("local", "start").code == 0
    file = tmp_path / "azure" / "status.json"
    told = json.loads(file.read_text())
    del told["prices_url"]
    file.write_text(json.dumps(told))
    answer = oa_vm("local", "status")
    assert (answer.code, "oa-vm local stop" in answer.err) == (3, True)
    assert oa_vm("local", "stop").code == 0
