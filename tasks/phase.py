"""How every phase becomes a Prefect task: its name, its span, its retry and its cache.

Retries: only transient errors (the exception's class decides), with back-off and jitter, never
beyond a total time. Caches: a phase that could have stopped being true is never cached, it looks
for itself; what stays true on a VM's disk is kept within one flow run (see docs/caching.md).
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE, CacheKeyFnPolicy, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.tasks import Task

from tasks.evidence import watched
from tasks.session import current
from vmpool.errors import TransientError
from vmpool.model import Phase

P = ParamSpec("P")
T = TypeVar("T")

RETRY_DELAYS_SECONDS = [1.0, 2.0, 5.0, 10.0, 20.0, 40.0]
"""Wall seconds before each retry, on top of what Azure asked us to wait."""
RETRY_TOTAL_SECONDS = 1800.0
"""Wall seconds after its first start beyond which a phase is not tried again: pulls and Windows
boots take 10 to 25 minutes, and a connection that is cut near their end must not cost the VM."""


def is_worth_retrying(_task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Prefect's retry condition: transient, and still within the total time."""
    return isinstance(state.data, TransientError) and _age_seconds(run) < RETRY_TOTAL_SECONDS


def _age_seconds(run: TaskRun) -> float:
    started = run.start_time or run.expected_start_time
    return (datetime.now(UTC) - started).total_seconds() if started else 0.0


async def _obey(error: TransientError) -> None:
    """Wait as long as Azure asked, if the phase will be tried again.

    The SDK obeys short waits by itself; what is left are long ones, and Prefect's own delays don't
    know of them.
    """
    wait = error.retry_after_seconds
    if wait and _will_retry(error, wait):
        await asyncio.sleep(wait)


def _will_retry(error: Exception, after_seconds: float = 0.0) -> bool:
    """Whether Prefect will try the running phase again."""
    context = TaskRunContext.get()
    if context is None or not isinstance(error, TransientError):
        return False
    has_retry = context.task_run.run_count <= context.task.retries
    return has_retry and _age_seconds(context.task_run) + after_seconds < RETRY_TOTAL_SECONDS


def _disk_key(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    """What is true of a VM's OS disk stays true while it is the same VM and the same flow run."""
    worker = str(parameters["worker"])
    run, generation = context.task_run.flow_run_id, current().generation(worker)
    return f"{run}:{context.task.name}:{worker}:{generation}"


ON_DISK: CachePolicy = CacheKeyFnPolicy(cache_key_fn=_disk_key)
"""Finished within this flow run on this incarnation of the VM: skipped when the run is retried."""


def phase_task(
    phase: Phase,
    cache: CachePolicy = NO_CACHE,
    retry_delays: Sequence[float] = tuple(RETRY_DELAYS_SECONDS),
) -> Callable[[Callable[P, Awaitable[T]]], Task[P, Any]]:
    """Make a phase's coroutine a task; its first parameter must be `worker`.

    Args:
        phase: which phase; also the task's name.
        cache: Prefect cache policy; nothing by default.
        retry_delays: wall seconds before each retry.
    """

    def decorate(function: Callable[P, Awaitable[T]]) -> Task[P, Any]:
        @functools.wraps(function)
        async def timed(*args: P.args, **kwargs: P.kwargs) -> T:
            worker = str(kwargs.get("worker") or args[0])
            with (
                watched(worker, phase, _will_retry),
                current().recorder.span(worker, phase, _will_retry),
            ):
                try:
                    return await function(*args, **kwargs)
                except TransientError as error:
                    await _obey(error)
                    raise

        return task(
            name=phase.value,
            task_run_name="{worker}: " + phase.value,
            retries=len(retry_delays),
            retry_delay_seconds=list(retry_delays),
            retry_jitter_factor=0.3,
            retry_condition_fn=is_worth_retrying,
            cache_policy=cache,
            persist_result=cache is not NO_CACHE,
        )(timed)

    return decorate
