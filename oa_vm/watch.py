"""Watches the Prefect server while a flow runs here: without it a run can only end.

Left alone, Prefect's client would try for minutes to tell a server that is gone what becomes of the
run, and print each failure. So the run is cancelled, and the program ends without those good-byes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
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


def run_watched(work: Coroutine[Any, Any, T], is_gone: Callable[[], bool]) -> T:
    """Run a flow for as long as its server is there.

    Args:
        work: the flow's coroutine.
        is_gone: whether the server is not there now; may block for a moment.

    Returns:
        What the flow returned.

    Raises:
        ServerLostError: the server is gone; threads and tasks of the run may still exist.
    """
    runner = asyncio.Runner()
    try:
        result = runner.run(_watched(work, is_gone))
    except ServerLostError:  # closing would wait for all that still talks to the server
        raise
    except BaseException:
        runner.close()
        raise
    runner.close()
    return result


async def _watched(work: Coroutine[Any, Any, T], is_gone: Callable[[], bool]) -> T:
    running = asyncio.create_task(work)
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
