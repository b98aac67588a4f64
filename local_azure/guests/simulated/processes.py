"""Processes of a guest: what runs, who started it, in which container, and how signals end it.

A program that runs is an asyncio task of its own, so that it can be ended alone: what it had
started runs on, as on Linux. Nothing here survives the simulation: when the server of the local
Azure is stopped, programs that run are gone (containers and files are not).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_azure.guests.simulated.guest import Guest
    from local_azure.guests.simulated.running import Run

FIRST_NUMBER = 1200
"""Lower ones are the system's own."""
KILL, TERM = 9, 15
SIGNALS = {"HUP": 1, "INT": 2, "QUIT": 3, "KILL": KILL, "USR1": 10, "USR2": 12, "TERM": TERM}
BY_SIGNAL = 128
"""Exit code of a program that a signal ended, less the signal's number."""

Place = tuple[str, float]
"""One run of a container: its id, and when that run started."""
Handler = Callable[[int, "Process | None"], None]
"""(signal, who sent it): what a program does instead of ending at once."""


def signal_number(name: str) -> int | None:
    """The number of `TERM`, `SIGTERM` or `15`; None for what is none of these."""
    if name.isdecimal():
        return int(name) if int(name) in SIGNALS.values() else None
    return SIGNALS.get(name.upper().removeprefix("SIG"))


@dataclass(eq=False)
class Process:
    """One process.

    Attributes:
        number: its pid.
        argv: its words; `exec` replaces them.
        user: who runs it.
        place: container that it runs in, None on the VM itself.
        parent: who started it, None at the top (sshd, the container's shim).
        handler: what a signal does, None: it ends the process.
        signal: the signal that ended it, 0 if none did.
    """

    number: int
    argv: list[str]
    user: str
    place: Place | None
    parent: Process | None
    handler: Handler | None = None
    signal: int = 0
    task: asyncio.Task[int] | None = None

    @property
    def command_line(self) -> str:
        """What `pkill -f` looks at."""
        return " ".join(self.argv)

    def comes_from(self, other: Process) -> bool:
        """Whether `other` started it, or started one that did."""
        above: Process | None = self
        while above is not None and above is not other:
            above = above.parent
        return above is other

    def send(self, number: int, sender: Process | None = None) -> None:
        """Send a signal; KILL can't be handled."""
        if self.handler is not None and number != KILL:
            self.handler(number, sender)
        elif self.task is not None and not self.task.done():
            self.signal = number
            self.task.cancel()

    async def wait(self, *, is_owned: bool = False) -> int:
        """Wait for its end.

        Args:
            is_owned: end it when the waiting task is cancelled.

        Returns:
            Its exit code, 128 and more if a signal ended it.
        """
        if self.task is None:
            raise RuntimeError("was never started")
        try:
            await asyncio.wait({self.task})
        except asyncio.CancelledError:
            if is_owned:
                self.task.cancel()
            raise
        if self.task.cancelled() and self.signal:
            return BY_SIGNAL + self.signal
        return self.task.result()


class ProcessTable:
    """Everything that runs in a guest.

    Args:
        guest: the VM.
    """

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._numbers = itertools.count(FIRST_NUMBER)
        self._all: dict[int, Process] = {}

    def __iter__(self) -> Iterator[Process]:
        return iter(list(self._all.values()))

    def start(self, run: Run, work: Callable[[Run], Coroutine[Any, Any, int]]) -> Process:
        """Start a process.

        Args:
            run: its words, user, streams and place; `run.process` is its parent.
            work: what it does.
        """
        number = next(self._numbers)
        process = Process(number, [*run.argv], run.user, run.place, run.process)
        process.task = self._guest.start_task(work(replace(run, process=process)))
        self._all[number] = process
        process.task.add_done_callback(lambda task: self._forget(number, task))
        return process

    def seen_from(self, place: Place | None) -> list[Process]:
        """What can be seen: on the VM everything, in a container what is in it."""
        return [each for each in self if place is None or each.place == place]

    def send_to_group(self, leader: Process, number: int) -> None:
        """Send a signal to a process and to all that it started."""
        for each in self:
            if each.comes_from(leader):
                each.send(number)

    def _forget(self, number: int, task: asyncio.Task[int]) -> None:
        self._all.pop(number, None)
        if not task.cancelled():
            task.exception()  # whoever waits has it; of what nobody waits for, nobody wants it


def own(run: Run) -> Process:
    """The process of a program that runs.

    Raises:
        RuntimeError: nobody started it as one.
    """
    if run.process is None:
        raise RuntimeError(f"{run.argv[:1]} runs outside of any process")
    return run.process
