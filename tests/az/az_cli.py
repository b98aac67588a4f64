"""The real az as a user has it: its own config folder, pointed at one local Azure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raw_azure import Group, RawAzure

from local_azure.control import Status

ROOT = Path(__file__).parents[2]
CLOUD = "LocalARM"
LIMIT_SECONDS = 60
AT_ONCE = 4
"""az is one busy Python process; more of them than this only wait for each other."""


class NoAzError(Exception):
    """There is no az command on this machine."""


def find_az() -> str:
    """Path of az: `AZ_COMMAND`, else what `make az` installed, else the one on the PATH.

    Raises:
        NoAzError: there is none.
    """
    named = os.environ.get("AZ_COMMAND")
    installed = ROOT / ".venv-az" / "bin" / "az"
    found = named or (str(installed) if installed.exists() else shutil.which("az"))
    if not found or not shutil.which(found):
        raise NoAzError(f"no az command ({found or 'not installed'}): run `make az` first")
    return found


@dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on standard output."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The lines of a table, cut at wide gaps; headings first."""
        assert self.code == 0, self.err
        lines = [line for line in self.out.splitlines() if not line.startswith("---")]
        return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


class Az:
    """Runs az.

    Args:
        status: the local Azure.
        folder: config folder, empty at first.
    """

    def __init__(self, status: Status, folder: Path) -> None:
        self.status = status
        self.command = find_az()
        self.folder = folder
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def run(self, *words: str) -> Result:
        """Run one command to its end."""
        done = subprocess.run(
            [self.command, *words],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def begin(self, line: str, *more: str) -> Future[Result]:
        """Run one command beside others."""
        return self._pool.submit(self.run, *line.split(), *more)

    def at_once(self, lines: Sequence[str]) -> list[Result]:
        """Run commands side by side."""
        return [future.result() for future in [self.begin(line) for line in lines]]

    def sign_in(self, **fields: str) -> Result:
        """`az login` with the ready service principal; fields replace the right ones."""
        right = {
            "username": self.status.client_id,
            "password": self.status.client_secret,
            "tenant": self.status.tenant_id,
        }
        words = [word for name, value in (right | fields).items() for word in (f"--{name}", value)]
        return self.run("login", "--service-principal", *words)

    def register(self) -> None:
        """Make the local Azure the active cloud, as docs/local-azure.md says."""
        endpoint = self.status.endpoint
        made = self.run("cloud", "register", "-n", CLOUD, "--endpoint-resource-manager", endpoint)
        assert made.code == 0, made.err
        chosen = self.run("cloud", "set", "-n", CLOUD)
        assert chosen.code == 0, chosen.err

    def close(self) -> None:
        """Wait for what still runs."""
        self._pool.shutdown()

    def _environment(self) -> dict[str, str]:
        mine = {key: value for key, value in os.environ.items() if not key.startswith("AZURE_")}
        return mine | {
            "AZURE_CONFIG_DIR": str(self.folder),
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
            "AZURE_CORE_NO_COLOR": "true",
            "REQUESTS_CA_BUNDLE": self.status.ca_file,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }


@dataclass(frozen=True)
class World:
    """What the tests look at."""

    az: Az
    azure: RawAzure
    group: Group

    def vm_id(self, name: str) -> str:
        """ARM id of a VM."""
        return self.azure.subscription + self.group.vm(name)
