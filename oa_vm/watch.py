"""Watches the Prefect server while a flow runs here: without it a run can only end.

Left alone, Prefect's client would try for minutes to tell a server that is gone what becomes of the
run, and print each failure. So the run is cancelled, and the program ends without those good-byes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from vmpool.errors import PermanentError, VmPoolError

T = TypeVar("T")

LOOK_WALL_SECONDS = 1.0
LOOKS = 5
"""So often it has to be gone, one look after the other: a restart is no end."""
UNWIND_WALL_SECONDS = 5.0
"""For requests to Azure that are under way; what they begin has its timer in itself."""


class ServerLostError(PermanentError):
    """The Prefect server ended under the run; the process is to end without any good-bye."""


def end_at_once(code: int) -> NoReturn:
    """End the process with an exit code, without waiting for threads that nobody can help."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Interrupts:
    """Ctrl-C while a flow runs: the first one cancels it, in order, and no other cuts that short.

    A pool that is being paused at the end would else be left running by whoever is impatient.

    Args:
        tell: called at the second one.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        self.count = 0

    @contextmanager
    def cancel(self, task: asyncio.Task[Any]) -> Iterator[None]:
        """Cancel a task at the first one; a shell that ignores Ctrl-C for us is obeyed."""
        if not self._is_heard:
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._hear, task)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    def _hear(self, task: asyncio.Task[Any]) -> None:
        self.count += 1
        if self.count == 1:
            task.cancel()
        elif self.count == 2:  # noqa: PLR2004 # said once
            self._tell()


def run_watched(
    work: Coroutine[Any, Any, T], is_gone: Callable[[], bool], interrupts: Interrupts
) -> T:
    """Run a flow for as long as its server is there.

    Args:
        work: the flow's coroutine.
        is_gone: whether the server is not there now; may block for a moment.
        interrupts: what Ctrl-C does.

    Returns:
        What the flow returned.

    Raises:
        KeyboardInterrupt: Ctrl-C; the flow has ended in order.
        ServerLostError: the server is gone; threads and tasks of the run may still exist.
    """
    runner = asyncio.Runner()
    try:
        result = runner.run(_watched(work, is_gone, interrupts))
    except ServerLostError:  # closing would wait for all that still talks to the server
        raise
    except BaseException as error:
        runner.close()
        if interrupts.count and isinstance(error, asyncio.CancelledError):
            raise KeyboardInterrupt from error
        raise
    runner.close()
    return result


async def _watched(
    work: Coroutine[Any, Any, T], is_gone: Callable[[], bool], interrupts: Interrupts
) -> T:
    this = asyncio.current_task()
    assert this  # noqa: S101 # we are in it
    with interrupts.cancel(this):
        return await _until_over(asyncio.create_task(work), is_gone)


async def _until_over(running: asyncio.Task[T], is_gone: Callable[[], bool]) -> T:
    try:
        await _over_or_lost(running, is_gone)
    except asyncio.CancelledError:
        running.cancel()
        return await running
    if not running.done():
        running.cancel()
        await asyncio.wait({running}, timeout=UNWIND_WALL_SECONDS)
        raise _lost()
    failure = running.exception()
    if failure and not isinstance(failure, VmPoolError) and is_gone():
        raise _lost() from failure
    return running.result()


async def _over_or_lost(running: asyncio.Task[Any], is_gone: Callable[[], bool]) -> None:
    """Wait until the run has ended, or its server is gone."""
    looks = 0
    while looks < LOOKS:
        await asyncio.wait({running}, timeout=LOOK_WALL_SECONDS)
        if running.done():
            return
        looks = looks + 1 if await asyncio.to_thread(is_gone) else 0


def _lost() -> ServerLostError:
    return ServerLostError(
        "the Prefect server ended under the run, so the run is cut off; workers keep their timer. "
        "Run the same command again: it starts a server and completes what is missing"
    )
