"""Work that a cancellation does not leave alone half way: its end is waited for.

A call that has Azure change something goes on in its thread whatever becomes of the task that
asked for it. SIGTERM, with which Prefect cancels, is the worst: the event loop cancels every task
that there is. So whatever must not be cut is a plain future, or is begun anew.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def call_uncut(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking call in a thread; when we are cancelled, its end is waited for first.

    Raises:
        asyncio.CancelledError: we were cancelled; what it returned or raised is lost.
    """
    return await call_uncut_in(None, partial(function, *args, **kwargs))


async def call_uncut_in(
    threads: Executor | None, function: Callable[[], T], stop: Callable[[], None] = lambda: None
) -> T:
    """Like `call_uncut`.

    Args:
        threads: where it runs; the event loop's own when None.
        function: the call.
        stop: called when we are cancelled, to bring its end about.
    """
    bound = partial(contextvars.copy_context().run, function)
    work = asyncio.get_running_loop().run_in_executor(threads, bound)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop()
        await ended(work)
        with suppress(BaseException):  # nobody is left to be told
            work.result()
        raise


async def ended(doing: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Wait for the end of something, however often we are cancelled meanwhile.

    Returns:
        The last cancellation, to be raised again once all is in order; None without one.
    """
    cancelled: asyncio.CancelledError | None = None
    while not doing.done():
        try:
            await asyncio.wait([doing])
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled
