"""The commands of docs/local-azure.md, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from az_cli import ROOT, NoAzError, find_az

from local_azure import control
from local_azure.control import Wanted

pytestmark = pytest.mark.az
PAGE = ROOT / "docs" / "local-azure.md"


def block(heading: str, language: str) -> str:
    """The first fenced block of a language under a heading."""
    text = PAGE.read_text().partition(f"## {heading}\n")[2]
    found = re.search(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment whose local Azure is a fresh one, and whose PATH leads to az."""
    try:
        az = find_az()
    except NoAzError as error:
        pytest.fail(str(error))
    folder = tmp_path / "azure"
    control.launch(folder, Wanted(speed=1000.0, guests="none"))
    yield os.environ | {
        "WAA_STATE_DIR": str(tmp_path),
        "PATH": f"{Path(az).parent}:{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1",
    }
    control.stop(folder)


def run(environment: dict[str, str], *command: str) -> str:
    """Standard output of a command that has to succeed."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_az_is_pointed_at_the_local_azure_as_the_page_says(environment: dict[str, str]) -> None:
    out = run(environment, "bash", "-euc", block("Point `az` at it", "sh"))
    assert "Local Azure" in out


def test_an_sdk_is_pointed_at_the_local_azure_as_the_page_says(
    environment: dict[str, str],
) -> None:
    program = block("Point an SDK at it", "py")
    assert run(environment, ".venv/bin/python", "-c", program) == "[]\n"
    assert len(program.splitlines()) <= 10
