"""What the guard of running pools does every few minutes: due pools found, coming pauses warned of.

Three lists tell of all pools together; anything more is asked or written only for a pool that
something has become due for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from anyio import to_thread
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks.credentials import connected
from tasks.events import deliver_pool_event
from tasks.phase import is_worth_retrying
from tasks.survey import note_changes
from vmpool import deadlines, lifetime, tags
from vmpool.arm import server_guard
from vmpool.arm.clients import Cloud
from vmpool.arm.observing import observe_all
from vmpool.arm.rest import at_once
from vmpool.arm.tagging import merge_tags
from vmpool.model import Observed, Worker
from vmpool.status import document

RETRIES, RETRY_DELAY_SECONDS = 2, 2.0
"""Few and soon: the schedule asks again in minutes."""


@task(
    name="look-after-pools",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=is_worth_retrying,
)
async def look_after_pools() -> list[str]:
    """Warn of pauses that come within half an hour. Not cached: time passes.

    Returns:
        Names of the pools whose auto-pause is due.
    """
    cloud = await connected()
    pools = await to_thread.run_sync(observe_all, cloud)
    everyone = [worker for observed in pools for worker in observed.workers]
    await to_thread.run_sync(note_changes, cloud, everyone, cloud.clock.now())
    due = [observed for observed in pools if lifetime.is_due(observed, observed.at)]
    for observed in pools:
        if observed not in due:
            await _warn(cloud, observed)
            await to_thread.run_sync(_arm_what_is_missing, cloud, observed)
    return [observed.pool for observed in due]


async def _warn(cloud: Cloud, observed: Observed) -> None:
    """Tell of a pause once; one that could not be told is told the next time."""
    pause_at = lifetime.pause_to_warn_of(observed, observed.at)
    if pause_at is None:
        return
    extend = f"oa-vm pool-extend --pool {observed.pool}"
    told = {"pause_at": tags.format_time(pause_at), "extend_with": extend}
    minutes = (pause_at - observed.at).total_seconds() / 60
    get_run_logger().warning(
        "Pool %s is paused in %.0f min: %s puts it off", observed.pool, minutes, extend
    )
    if await deliver_pool_event(observed.pool, "pause_due", document(observed) | told):
        written = {tags.WARNED_OF: tags.format_time(pause_at)}
        await to_thread.run_sync(tag_workers, cloud, observed.workers, written)


def tag_workers(cloud: Cloud, workers: Sequence[Worker], written: dict[str, str]) -> None:
    """Write the same tags to several VMs.

    Raises:
        VmPoolError: one could not be written; the others may have been.
    """
    at_once([partial(merge_tags, cloud, worker.resource_id, written) for worker in workers])


def _arm_what_is_missing(cloud: Cloud, observed: Observed) -> None:
    """Set timers on Azure's side that nobody set: it was too early, or a run was killed."""
    pause_at = lifetime.auto_pause_at(observed)
    missing = [w for w in observed.workers if pause_at and deadlines.needs_timer(w, observed.at)]
    grace = timedelta(minutes=cloud.settings.server_grace_minutes)
    if pause_at and missing:
        at: datetime = deadlines.server_deadline(pause_at, grace)
        regions = {worker.name: worker.place.region for worker in missing}
        pool_id = next(w.tags.pool_id for w in missing if w.tags)
        server_guard.arm(cloud, regions, at, tags.part_tags(observed.pool, pool_id))
