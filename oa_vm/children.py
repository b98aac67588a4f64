"""Processes that `oa-vm up` starts and ends: signals awaited, output in files, none left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from oa_vm.environment import child_environment

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, kill, and a terminal that is closed."""
POLL_WALL_SECONDS = 0.1
LOG_LINES = 15


class EndRequest:
    """Whether somebody wants this program to end.

    Signals only set it, so that nothing is cut off half way: every wait of a start asks for it,
    and the end goes in order.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        for number in ENDING:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()

    def is_made(self) -> bool:
        """Whether the end was asked for."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for it, at most some wall seconds; whether it was made."""
        return self._event.wait(seconds)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let a short step end before a signal takes effect, then as Ctrl-C."""
    with EndRequest() as end:
        yield
    if end.is_made():
        raise KeyboardInterrupt


@contextmanager
def every_end_interrupts() -> Iterator[None]:
    """Have kill and a closed terminal work as Ctrl-C does, so that `finally` is reached."""
    before = {number: signal.getsignal(number) for number in ENDING}
    # A shell that puts us into the background has SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: os.kill(os.getpid(), signal.SIGINT))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Child:
    """A process in a session of its own: a Ctrl-C at the terminal reaches us only.

    Args:
        name: for people.
        command: program and arguments.
        variables: environment beside ours.
        folder: where it runs.
        log: file that gets its output.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        variables: Mapping[str, str],
        folder: Path,
        log: Path,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 # our own interpreter
                command,
                cwd=folder,
                env=child_environment(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """What it ended with, None while it runs."""
        return self._process.poll()

    def wait(self, end: EndRequest) -> int | None:
        """Its exit code; None if the end of everything was asked for before."""
        while self.exit_code is None:
            if end.wait(POLL_WALL_SECONDS):
                return None
        return self.exit_code

    def stop(self, number: signal.Signals, seconds: float) -> None:
        """End it and whatever it started, in order at first, then by force.

        Args:
            number: the signal that it takes as a wish to end; what it started gets SIGTERM.
            seconds: wall seconds that it gets, and then what it started.
        """
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self._signal_group(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self._signal_group(0) and time.monotonic() < deadline:
            time.sleep(POLL_WALL_SECONDS)
        self._signal_group(signal.SIGKILL)
        self._process.wait()

    def _signal_group(self, number: int) -> bool:
        """Signal it and all that it started; whether any of them is left."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        return True

    def tail(self) -> str:
        """The end of its output, with the path of all of it."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([*lines[-LOG_LINES:], f"(all of it in {self.log})"])
