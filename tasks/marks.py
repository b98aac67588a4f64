"""Writes a worker's tags, merged: intents, Windows as seen, timers, and with each the ledger."""

from __future__ import annotations

from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks import ledgers
from tasks.phase import RETRY_DELAYS_SECONDS, is_worth_retrying
from tasks.session import current
from vmpool import lifetime, tags
from vmpool.arm import machines, tagging
from vmpool.errors import VmPoolError
from vmpool.model import Intent, WindowsState


async def mark(
    worker: str,
    intent: Intent | None = None,
    *,
    windows: WindowsState | None = None,
    auto_pause_hours: float | None = None,
) -> None:
    """Write to a worker's tags what is about to happen or what was seen; merges, replaces nothing.

    What it has cost until now is written along.

    Args:
        worker: worker name.
        intent: what the operation sets out to do.
        windows: Windows as seen.
        auto_pause_hours: cloud hours until auto-pause, to re-arm the timer.
    """
    session = current()
    now = session.clock.now()
    written: dict[str, str] = {}
    if intent:
        written |= {tags.INTENT: intent.value, tags.INTENT_AT: tags.format_time(now)}
    if intent is Intent.READY:
        written[tags.READY_AT] = tags.format_time(now)
    if windows:
        written[tags.WINDOWS] = windows.value
    if auto_pause_hours is not None:
        due = lifetime.deadline(now, auto_pause_hours)
        written[tags.AUTO_PAUSE_AT] = tags.format_time(due)
    written |= ledgers.written(worker)
    vm_id = machines.vm_resource_id(session.cloud, worker)
    await session.insist(tagging.merge_tags, session.cloud, vm_id, written)


async def note(
    worker: str,
    intent: Intent | None = None,
    *,
    windows: WindowsState | None = None,
    auto_pause_hours: float | None = None,
) -> None:
    """Like `mark`, for what is good to know: a tag that can't be written holds nothing up."""
    try:
        await mark(worker, intent, windows=windows, auto_pause_hours=auto_pause_hours)
    except VmPoolError as error:
        get_run_logger().warning("%s: its tags could not be written: %s", worker, error)


@task(
    name="extend-timer",
    task_run_name="{worker}: extend-timer",
    cache_policy=NO_CACHE,
    retries=len(RETRY_DELAYS_SECONDS),
    retry_delay_seconds=RETRY_DELAYS_SECONDS,
    retry_condition_fn=is_worth_retrying,
)
async def extend_timer(worker: str, due: datetime) -> None:
    """Move a worker's auto-pause. Not cached: it is a write."""
    session = current()
    vm_id = machines.vm_resource_id(session.cloud, worker)
    written = {tags.AUTO_PAUSE_AT: tags.format_time(due), **ledgers.written(worker)}
    await session.commit(tagging.merge_tags, session.cloud, vm_id, written)
