"""Runs `oa-vm` as a person does, with a state folder of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from oa_vm.main import main

LONGEST_SECONDS = 240.0
"""A first start of the server and a create, on a machine that does other things too."""
OA_VM = Path(sys.executable).parent / "oa-vm"


@dataclass(frozen=True)
class Answer:
    """What a command said and ended with."""

    code: int
    out: str
    err: str

    @property
    def trouble(self) -> str:
        """The one line that tells what went wrong; anything more is a failure of the test."""
        assert "Traceback" not in self.out + self.err, self.err
        lines = [line for line in self.err.splitlines() if line.startswith("oa-vm: ")]
        assert len(lines) == 1, self.err
        return lines[0]


class CommandLine:
    """`oa-vm` with its own state folder.

    Args:
        state_dir: what WAA_STATE_DIR is set to.
        **variables: more of the environment.
    """

    def __init__(self, state_dir: Path, **variables: str) -> None:
        foreign = {name for name in os.environ if name.startswith(("WAA_", "PREFECT_"))}
        own = {name: value for name, value in os.environ.items() if name not in foreign}
        self.state_dir = state_dir
        self.environment = {**own, "WAA_STATE_DIR": str(state_dir), **variables}

    def __call__(self, *arguments: str) -> Answer:
        """Run a command to its end; its standard input is no terminal."""
        done = subprocess.run(
            [OA_VM, *arguments],
            env=self.environment,
            cwd=self.state_dir,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)


AT_A_TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "dumb"}
"""Variables with which a command takes its outputs for a terminal of 80 columns without colours."""


class InProcess(CommandLine):
    """The same within the test's own process: no interpreter starts, nothing is imported twice.

    For commands that end by themselves, start no program that writes to our outputs, and do not
    load Prefect, which reads its settings but once in a process; `spawned` runs the others.
    """

    spawned = CommandLine.__call__

    def __call__(self, *arguments: str) -> Answer:
        """Run a command to its end; its standard input is no terminal."""
        with (
            pytest.MonkeyPatch.context() as patch,
            Path(os.devnull).open() as nothing,
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
        ):
            for name in os.environ.keys() - self.environment.keys():
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setenv("COLUMNS", "80")  # as where no terminal is asked
            patch.setattr(os, "_exit", sys.exit)  # whoever ends at once ends the test's process
            patch.setattr(sys, "stdin", nothing)
            patch.setattr(sys, "argv", [str(OA_VM), *arguments])
            patch.chdir(self.state_dir)
            with redirect_stdout(out), redirect_stderr(err):
                code = _exit_code()
            return Answer(code, _text(out), _text(err))


def _exit_code() -> int:
    """What the program ends with."""
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _text(file: TextIO) -> str:
    file.seek(0)
    return file.read()
