"""A simulated VM that was given our own user data, and our client of it.

The guest lives in the test's event loop and its clock moves only when a test moves it; our client
blocks, so it runs in threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from guest_machine import ADMIN, STEP_SECONDS, Machine

from vmpool.guest.keys import HostKey
from vmpool.guest.shell import Address, Shell
from vmpool.settings import Settings

T = TypeVar("T")
WALL_SECONDS = 20.0
"""Limit of each command on the wall."""


@dataclass
class Vm:
    """A VM and our shell on it.

    Attributes:
        machine: the guest from outside.
        settings: what it was made with.
        host_key: the key in its user data.
        shell: our client.
    """

    machine: Machine
    settings: Settings
    host_key: HostKey = field(repr=False)
    shell: Shell = field(init=False)

    def __post_init__(self) -> None:
        self.shell = Shell(self.address())

    def address(self, host_key: str = "") -> Address:
        """Where it is; with another host key than its own if one is given."""
        return Address(
            self.machine.spec.address,
            self.machine.port,
            ADMIN,
            self.settings.key_file,
            host_key or self.host_key.public_line,
        )

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call our blocking client; cloud time passes until it returns."""
        running = asyncio.ensure_future(asyncio.to_thread(function, *args))
        while not running.done():
            await asyncio.wait({running}, timeout=0.05)
            # While nothing waits for the clock, the machine is slow, not the guest: no time passes.
            if not running.done() and self.machine.clock.next_due() is not None:
                await self.machine.clock.advance(STEP_SECONDS)
        return running.result()

    async def ask(self, question: Callable[..., T], *args: Any) -> T:
        """Ask by a function of `vmpool.guest` that takes a shell first and a limit last."""
        return await self.call(question, self.shell, *args, WALL_SECONDS)
