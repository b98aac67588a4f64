"""Two operations on one pool exclude each other: a global concurrency limit of one per pool.

The lease lasts 60 s and is renewed while the holder lives, so a killed holder frees the pool within
a minute. A lease is no fence: every call stays idempotent all the same. The limit is created
first, because `strict=False` on a missing limit is silently no lock at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from prefect import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.concurrency.asyncio import concurrency
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from vmpool.errors import LockedError
from vmpool.naming import lock_name

LEASE_SECONDS = 60.0
"""The shortest lease that the server accepts; a killed holder blocks the pool at most so long."""


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
        await client.upsert_global_concurrency_limit_by_name(name, 1)
        limit = await client.read_global_concurrency_limit_by_name(name)
    if limit.active_slots:
        get_run_logger().info("Pool %s is held by %s: waiting", pool, await holder(pool))
    lock = concurrency(
        name, timeout_seconds=timeout_seconds, lease_duration=LEASE_SECONDS, strict=True
    )
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(lock)
        except TimeoutError as error:
            raise LockedError(
                f"pool {pool} is held by {await holder(pool)} and was not let go within "
                f"{timeout_seconds:.0f} s: wait for it or cancel that run"
            ) from error
        yield


async def holder(pool: str) -> str:
    """The flow run that works on the pool now, for people; "another operation" if none is found."""
    running = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING]))
    )
    async with get_client() as client:
        runs = await client.read_flow_runs(flow_run_filter=running, limit=200)
    others = [run for run in runs if _is_on(run, pool)]
    return f"run '{others[0].name}'" if others else "another operation that was killed or is ending"


def _is_on(run: FlowRun, pool: str) -> bool:
    context = FlowRunContext.get()
    own = context.flow_run.id if context and context.flow_run else None
    return run.id != own and f"pool:{pool}" in run.tags
