"""Fixtures of guests.

`machine`: makes VMs; `guest`: one plain VM that has booted; `docker`: one with Docker installed by
cloud-init; `windows`: one whose Windows container runs and whose Windows has just been installed.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from guest_machine import RUN_WINDOWS, Machine, Make

KINDS = ["simulated"]
"""Kinds of guest that the conformance suite is held against."""
WITH_DOCKER = b"""#cloud-config
packages: [docker.io]
system_info: {default_user: {groups: [docker]}}
runcmd:
  - [mkdir, -p, /opt/waa/storage]
"""


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes VMs that are closed after the test."""
    numbers = itertools.count()
    async with contextlib.AsyncExitStack() as stack:

        def make(**fields: Any) -> Machine:
            made = Machine(tmp_path / str(next(numbers)), **fields)
            stack.push_async_callback(made.close)
            return made

        yield make


@pytest.fixture(params=KINDS)
async def guest(machine: Make) -> Machine:
    """A VM that has booted, without user data."""
    made = machine()
    await made.boot()
    return made


@pytest.fixture(params=KINDS)
async def docker(machine: Make) -> Machine:
    """A VM with Docker from cloud-init."""
    made = machine(user_data=WITH_DOCKER)
    await made.install()
    return made


@pytest.fixture(params=KINDS)
async def windows(docker: Machine) -> Machine:
    """A VM with a freshly installed Windows that answers."""
    await docker.must(RUN_WINDOWS)
    await docker.pass_time(1300)
    return docker
