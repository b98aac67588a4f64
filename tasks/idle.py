"""Pools that lie paused: warned of, and named to be deleted once that was said a day before.

What was said is noted on the pool only when Prefect's server has taken the event: nothing is
deleted of which nobody could have heard.
"""

from __future__ import annotations

from datetime import datetime

from anyio import to_thread
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks.credentials import connected
from tasks.events import deliver_pool_event
from tasks.guarding import RETRIES, RETRY_DELAY_SECONDS, tag_workers
from tasks.phase import is_worth_retrying
from tasks.session import current
from vmpool import tags
from vmpool.arm.clients import Cloud
from vmpool.arm.observing import observe_all
from vmpool.idle import Idle, IdleRules, IdleVerb, judge
from vmpool.model import Observed
from vmpool.settings import Settings
from vmpool.status import document

EVENTS = {IdleVerb.WARN: "idle", IdleVerb.WARN_OF_DELETION: "deletion_due"}
TAGS = {IdleVerb.WARN: tags.IDLE_WARNED_AT, IdleVerb.WARN_OF_DELETION: tags.DELETION_WARNED_AT}


@task(
    name="look-for-idle-pools",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=is_worth_retrying,
)
async def look_for_idle_pools(*, dry_run: bool) -> list[Idle]:
    """Judge every pool by one question about all, and warn of those that lie idle.

    Args:
        dry_run: warn nobody, write nothing.

    Returns:
        What is to be done about each; only the deleting is left to do.
    """
    cloud = await connected()
    pools = await to_thread.run_sync(observe_all, cloud)
    judged = [
        (observed, judge(observed, observed.at, IdleRules.of(cloud.settings))) for observed in pools
    ]
    for observed, idle in judged:
        if idle.verb in EVENTS and not dry_run:
            await _warn(cloud, observed, idle)
    return [idle for _, idle in judged]


async def _warn(cloud: Cloud, observed: Observed, idle: Idle) -> None:
    keep = f"oa-vm pool-keep --pool {observed.pool}"
    delete_at = tags.format_time(idle.delete_at or observed.at)
    get_run_logger().warning(
        "Pool %s is %s and will be deleted after %s: %s keeps it",
        observed.pool,
        idle.reason,
        delete_at,
        keep,
    )
    told = {"days": round(idle.days, 2), "delete_at": delete_at, "keep_with": keep}
    payload = document(observed) | told
    if idle.verb is IdleVerb.WARN:
        is_told = await deliver_pool_event(observed.pool, "idle", payload)
    else:
        is_told = await deliver_pool_event(observed.pool, "deletion_due", payload)
    if is_told:
        written = {TAGS[idle.verb]: tags.format_time(observed.at)}
        await to_thread.run_sync(tag_workers, cloud, observed.workers, written)


def may_delete(observed: Observed, settings: Settings, now: datetime) -> bool:
    """Whether the pool is still to be deleted: while we waited somebody may have resumed it."""
    return judge(observed, now, IdleRules.of(settings)).verb is IdleVerb.DELETE


async def mark_kept(observed: Observed, *, keep: bool) -> None:
    """Write on every worker whether the pool is kept."""
    session = current()
    workers = [worker for worker in observed.workers if worker.tags]
    written = {tags.KEEP: "true" if keep else "false"}
    await session.insist(tag_workers, session.cloud, workers, written)
