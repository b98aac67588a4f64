"""Ctrl-C at any moment is one line and exit code 130."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from command_line import CommandLine

from oa_vm.watch import Interrupts, run_watched


@pytest.mark.parametrize("module", ["typer", "paramiko"])
def test_ctrl_c_while_the_program_loads_or_a_command_works_is_one_line(
    tmp_path: Path, module: str
) -> None:
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    answer = CommandLine(tmp_path, PYTHONPATH=path)("pool-tunnel")
    assert (answer.code, answer.out, answer.err) == (130, "", "oa-vm: interrupted\n")


def interrupted(times: int, told: list[str]) -> list[str]:
    """What a flow has done by its end that needs a moment for it, and gets so many Ctrl-C."""
    did: list[str] = []

    async def flow() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            for _ in range(times - 1):
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(0.01)
            did.append("paused")

    with pytest.raises(KeyboardInterrupt):
        run_watched(flow(), lambda: False, Interrupts(lambda: told.append("wait")))
    return did


@pytest.mark.parametrize(("times", "words"), [(1, []), (2, ["wait"]), (4, ["wait"])])
def test_a_flow_ends_in_order_however_often_ctrl_c_is_pressed(times: int, words: list[str]) -> None:
    told: list[str] = []
    assert (interrupted(times, told), told) == (["paused"], words)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
