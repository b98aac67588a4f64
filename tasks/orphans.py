"""Resources that carry our tags and belong to nobody: noted by one run, removed by the next.

Each pool's are judged again while its lock is held: a create that is just running has the lock, and
what it has made so far is nobody's only for the moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from anyio import to_thread
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks.credentials import connected
from tasks.guarding import RETRIES, RETRY_DELAY_SECONDS
from tasks.locking import pool_lock
from tasks.phase import is_worth_retrying
from vmpool.arm import strays
from vmpool.arm.clients import Cloud
from vmpool.errors import LockedError, VmPoolError
from vmpool.model import Leftover
from vmpool.orphans import Orphan, OrphanVerb, judge_all

LOCK_WALL_SECONDS = 1.0
"""A pool that somebody works on is looked at again in an hour."""
ACTS: dict[OrphanVerb, Callable[[Cloud, Sequence[Leftover]], None]] = {
    OrphanVerb.NOTE: strays.note,
    OrphanVerb.FORGET: strays.forget,
    OrphanVerb.REMOVE: strays.remove,
}


@task(
    name="clear-orphans",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=is_worth_retrying,
)
async def clear_orphans(*, dry_run: bool) -> list[Orphan]:
    """Find what belongs to nobody, and note or remove it.

    Args:
        dry_run: change nothing.

    Returns:
        What was found and done, or would be done; failures are in it, not raised.
    """
    cloud = await connected()
    found = await to_thread.run_sync(look, cloud)
    for orphan in found:
        get_run_logger().info("%s: %s, %s", orphan.verb, orphan.part.resource_id, orphan.reason)
    if dry_run:
        return found
    pools = sorted({orphan.part.pool for orphan in found if orphan.verb in ACTS})
    cleared = await asyncio.gather(*(_clear(cloud, pool, found) for pool in pools))
    rest = [orphan for orphan in found if orphan.part.pool not in pools]
    return [*rest, *(orphan for orphans in cleared for orphan in orphans)]


def look(cloud: Cloud) -> list[Orphan]:
    """What seems to belong to nobody, of all pools."""
    workers, parts = strays.list_marked(cloud)
    return list(judge_all(parts, workers, cloud.clock.now()))


async def _clear(cloud: Cloud, pool: str, before: Sequence[Orphan]) -> list[Orphan]:
    """Judge one pool's again under its lock, and act."""
    try:
        async with pool_lock(pool, LOCK_WALL_SECONDS):
            found = await to_thread.run_sync(look, cloud)
            mine = [orphan for orphan in found if orphan.part.pool == pool]
            return await to_thread.run_sync(_act, cloud, mine)
    except LockedError as error:
        mine = [orphan for orphan in before if orphan.part.pool == pool]
        return [replace(orphan, verb=OrphanVerb.WAIT, reason=str(error)) for orphan in mine]
    except VmPoolError as error:
        mine = [orphan for orphan in before if orphan.part.pool == pool]
        return [replace(orphan, failure=error) for orphan in mine]


def _act(cloud: Cloud, orphans: Sequence[Orphan]) -> list[Orphan]:
    done = list(orphans)
    for verb, act in ACTS.items():
        chosen = [orphan for orphan in orphans if orphan.verb is verb]
        try:
            act(cloud, [orphan.part for orphan in chosen])
        except VmPoolError as error:
            done = [replace(o, failure=error) if o.verb is verb else o for o in done]
    return done
