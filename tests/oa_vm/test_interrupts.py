"""Ctrl-C at any moment is one line and exit code 130."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command_line import CommandLine


@pytest.mark.parametrize("module", ["typer", "paramiko"])
def test_ctrl_c_while_the_program_loads_or_a_command_works_is_one_line(
    tmp_path: Path, module: str
) -> None:
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    answer = CommandLine(tmp_path, PYTHONPATH=path)("pool-tunnel")
    assert (answer.code, answer.out, answer.err) == (130, "", "oa-vm: interrupted\n")
