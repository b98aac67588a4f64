"""Two operations on one pool exclude each other: a global concurrency limit of one per pool.

The lease lasts 60 s and is renewed while the holder lives, so a killed holder frees the pool within
a minute. A lease is no fence: every call stays idempotent all the same. The limit is created
first, because `strict=False` on a missing limit is silently no lock at all.

Prefect keeps who holds a lease to itself. So whoever holds a pool signs for it in a variable of the
limit's name: it alone writes there, and the signature tells as well whether it still lives.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.concurrency.asyncio import concurrency
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.logging import get_run_logger
from prefect.variables import Variable

from vmpool.errors import LockedError
from vmpool.naming import lock_name

LEASE_SECONDS = 60.0
"""The shortest lease that the server accepts; a killed holder blocks the pool at most so long."""
NOBODY = "another operation"
"""A holder that is not known, or that was killed and whose lease has not run out yet."""
AT_WORK = (StateType.RUNNING, StateType.CANCELLING)
MOST_POOLS = 200
"""The server's largest page of limits."""


@asynccontextmanager
async def pool_lock(pool: str, timeout_seconds: float) -> AsyncIterator[None]:
    """Hold the pool.

    Args:
        pool: pool name.
        timeout_seconds: wall seconds to wait for another holder.

    Raises:
        LockedError: somebody else kept it for the whole time; the message says who.
    """
    name = lock_name(pool)
    async with get_client() as client:
        with suppress(ObjectAlreadyExists):  # made by who began at the same moment
            await client.upsert_global_concurrency_limit_by_name(name, 1)
        limit = await client.read_global_concurrency_limit_by_name(name)
    if limit.active_slots:
        get_run_logger().info("Pool %s is held by %s: waiting", pool, named(await holder(pool)))
    lock = concurrency(
        name, timeout_seconds=timeout_seconds, lease_duration=LEASE_SECONDS, strict=True
    )
    cancellations = _cancellations()
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(lock)
        except TimeoutError as error:
            raise LockedError(
                f"pool {pool} is held by {named(await holder(pool))} and was not let go within "
                f"{timeout_seconds:.0f} s: wait for it or cancel that run"
            ) from error
        await _sign(name)
        yield
    if _cancellations() > cancellations:  # Prefect swallows one that comes while it gives back
        raise asyncio.CancelledError


def _cancellations() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


async def _sign(name: str) -> None:
    """Say who holds the limit; written by its holder only."""
    context = FlowRunContext.get()
    if context and context.flow_run:
        by = {"run": str(context.flow_run.id), "host": socket.gethostname(), "pid": os.getpid()}
        await Variable.aset(name, by, overwrite=True)


async def locked_pools() -> dict[str, FlowRun | None]:
    """Every pool whose lock is taken, and by which flow run; None if that is not known or dead."""
    async with get_client() as client:
        limits = await client.read_global_concurrency_limits(limit=MOST_POOLS)
    prefix = lock_name("")
    taken = [limit.name for limit in limits if limit.active_slots]
    pools = [name.removeprefix(prefix) for name in taken if name.startswith(prefix)]
    return {pool: await holder(pool) for pool in pools}


async def held_pools() -> dict[str, FlowRun]:
    """Every pool that a living flow run works on now, and the run."""
    return {pool: run for pool, run in (await locked_pools()).items() if run}


async def has_last_held(pool: str, run_id: UUID) -> bool:
    """Whether a flow run was the last to hold the pool, living or dead."""
    by: Any = await Variable.aget(lock_name(pool))
    return bool(by) and by["run"] == str(run_id)


async def holder(pool: str) -> FlowRun | None:
    """The flow run that holds the pool; None if it is not known, or no longer lives."""
    by: Any = await Variable.aget(lock_name(pool))
    if not by or (by["host"] == socket.gethostname() and not _is_process(by["pid"])):
        return None
    async with get_client() as client:
        try:
            run = await client.read_flow_run(UUID(by["run"]))
        except ObjectNotFound:
            return None
    return run if run.state_type in AT_WORK else None


def _is_process(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def named(run: FlowRun | None) -> str:
    """What to call who holds a pool."""
    return f"run '{run.name}'" if run else NOBODY
