"""A simulated VM that was given our own user data, and our client of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from guest_machine import Machine
from guest_vm import Vm

from vmpool.guest import cloud_init
from vmpool.guest.keys import new_host_key
from vmpool.settings import Settings


@pytest.fixture
async def vm(tmp_path: Path) -> AsyncIterator[Vm]:
    """A VM that has power and whose sshd has just opened; cloud-init still works."""
    settings = Settings(_env_file=None, state_dir=tmp_path / "state")
    host_key = new_host_key()
    data = cloud_init.user_data(settings, host_key).encode()
    machine = Machine(tmp_path / "vm", user_data=data)
    settings.key_file.parent.mkdir(mode=0o700)
    settings.key_file.write_bytes(machine.key.export_private_key())
    made = Vm(machine, settings, host_key)
    await machine.boot()
    try:
        yield made
    finally:
        with contextlib.suppress(Exception):
            await asyncio.to_thread(made.shell.close)
        await machine.close()


@pytest.fixture
async def docker_vm(vm: Vm) -> Vm:
    """A VM whose cloud-init has installed Docker."""
    await vm.machine.pass_time(200)
    return vm
