"""Closing a connection under a request, as a broken network does. Used by faults alone."""

from __future__ import annotations

import asyncio

from starlette.requests import Request


async def hang_up(request: Request) -> None:
    """Cut the connection that a request came by, without an answer.

    ASGI has no word for this: `receive` is a method of uvicorn's own object for the request, which
    holds the connection.
    """
    cycle = getattr(request.receive, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("this HTTP server does not let a connection be cut")
    transport.abort()
    await asyncio.sleep(0)  # the server sees the end of the connection before our empty answer
