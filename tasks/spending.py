"""What pools had cost, noted now and then as table artifacts in Prefect, and read back as history.

Every operation notes it at its begin and end; a pool that nobody touches is noted once a day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta

import httpx
from anyio import to_thread
from prefect import task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import Artifact
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger

from tasks.credentials import connected
from tasks.session import Session
from tasks.tables import keys_with, read_tables, rows_of
from vmpool.arm.inventory import pools_everywhere
from vmpool.arm.kinds import PARTS, group_id
from vmpool.errors import VmPoolError
from vmpool.spending import Record, Spending, has_its_begin, record_of, restored, spending

SUFFIX = "-spent"
"""End of the artifacts' keys; the pool's name is before it."""
PAGE = 200
"""Artifacts a request: as many as Prefect gives at once; one has two rows."""
MOST = 20_000
"""Artifacts read at most: 200 pools for 100 days."""
SHOWN_DAYS = 30
"""Days in the artifact `<pool>-cost`."""


def records_of(session: Session) -> list[Record]:
    """What an operation has seen of its pool's cost: at its begin and at its end."""
    cloud, looks = session.settings.cloud.value, (session.first_look, session.observed)
    seen = [look for look in looks if look]
    found = [record_of(look, cloud, session.pool_id) for look in seen]
    records = list(dict.fromkeys(record for record in found if record))
    if session.final_cost and records:
        usd = session.final_cost["total_usd"]
        records.append(records[-1].at_its_end(session.clock.now(), usd))
    return records


async def note(pool: str, records: Sequence[Record]) -> None:
    """Write the artifact `<pool>-spent`.

    Args:
        pool: pool name.
        records: at least one, oldest first.
    """
    await acreate_table_artifact(
        [record.row() for record in records],
        key=f"{pool}{SUFFIX}",
        description=f"What {pool} had cost; oa-vm costs shows it by day",
    )


@task(name="note-spending-of-the-day", cache_policy=NO_CACHE)
async def note_spending_of_the_day() -> list[str]:
    """Note what each pool of the group has cost, once a day. Not cached: it grows.

    A history with a gap is no reason to fail: trouble is logged.

    Returns:
        Names of the pools that were noted now.
    """
    try:
        cloud = await connected()
        kind = cloud.settings.cloud.value
        pools = await to_thread.run_sync(pools_everywhere, cloud, PARTS, group_id(cloud))
        noted = await _noted_on(cloud.clock.now().date(), kind)
        found = [record_of(observed, kind) for observed in pools]
        records = [item for item in found if item and item.pool and item.life not in noted]
        for record in records:
            await note(record.pool, [record])
    except (VmPoolError, PrefectException, httpx.HTTPError) as error:
        get_run_logger().warning("What pools cost today could not be noted: %s", error)
        return []
    return [record.pool for record in records]


async def read_spending(cloud: str, days: int, pool: str | None, today: date) -> Spending:
    """What pools cost a day, by what Prefect has on record.

    Args:
        cloud: `local` or `azure`.
        days: how many, with the last one.
        pool: of this pool only; of every pool when None.
        today: the last day, unless there is a later record: a local clock may be ahead.
    """
    until = today
    found: list[Record] = []

    def is_enough(records: Sequence[Record]) -> bool:
        nonlocal until
        found[:] = [record for record in records if record.cloud == cloud]
        until = max([today, *(record.at.date() for record in found)])
        since = until - timedelta(days=days - 1)
        is_far_enough = any(record.at.date() < since for record in found)
        return is_far_enough and all(has_its_begin(life, since) for life in _lives(found))

    await _read(pool, is_enough)
    return spending(found, until - timedelta(days=days - 1), until)


def _lives(records: Sequence[Record]) -> list[list[Record]]:
    found: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        found[record.life].append(record)
    return list(found.values())


async def _noted_on(day: date, cloud: str) -> set[tuple[str, str]]:
    def is_enough(records: Sequence[Record]) -> bool:
        return any(record.cloud == cloud and record.at.date() < day for record in records)

    records = await _read(None, is_enough)
    return {record.life for record in records if record.cloud == cloud and record.at.date() == day}


async def _read(pool: str | None, is_enough: Callable[[Sequence[Record]], bool]) -> list[Record]:
    """Records, the newest first, until they are enough or there are no more."""
    return await read_tables(keys_with(SUFFIX, pool), _records, is_enough, PAGE, MOST)


def _records(artifact: Artifact) -> list[Record]:
    rows = rows_of(artifact) or []
    return [record for row in rows if isinstance(row, dict) and (record := restored(row))]
