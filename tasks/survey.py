"""Questions to Azure that belong to no operation: they change nothing and need no lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import anyio.to_thread
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from tasks.credentials import connected
from tasks.phase import is_worth_retrying
from vmpool import tags
from vmpool.arm.clients import Cloud
from vmpool.arm.machines import observe
from vmpool.arm.survey import survey_images
from vmpool.arm.tagging import merge_tags
from vmpool.books import ledger_now, unnoted
from vmpool.errors import VmPoolError
from vmpool.idle import IdleRules
from vmpool.model import Observed, Worker
from vmpool.settings import check_pool_name, load_settings
from vmpool.status import document

RETRIES, RETRY_DELAY_SECONDS = 2, 2.0
"""Few and soon: somebody waits for the answer, or the schedule asks again in minutes."""


@task(
    name="ask-status",
    task_run_name="status of {pool}",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=is_worth_retrying,
)
async def ask_status(pool: str | None) -> dict[str, Any]:
    """The status of a pool, asked of Azure now. Not cached: it changes."""
    settings = load_settings()
    name = check_pool_name(pool or settings.pool)
    cloud = await connected(settings)
    observed = await anyio.to_thread.run_sync(observe, cloud, name)
    return document(observed, IdleRules.of(settings))


@task(
    name="ask-images",
    task_run_name="golden images",
    cache_policy=NO_CACHE,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=is_worth_retrying,
)
async def ask_images() -> dict[str, Any]:
    """The golden images, asked of Azure now. Not cached: they change."""
    cloud = await connected()
    return await anyio.to_thread.run_sync(survey_images, cloud)


def note_changes(cloud: Cloud, workers: Sequence[Worker], now: datetime) -> None:
    """Bring ledgers up to what somebody else did to VMs: so nothing is seen later than this runs.

    While an operation is under way it notes the same itself; whoever writes last is right as well.
    """
    for worker in unnoted(Observed("", now, tuple(workers))):
        ledger = ledger_now(worker, now)
        try:
            if ledger:
                merge_tags(cloud, worker.resource_id, {tags.LEDGER: ledger.encode()})
        except VmPoolError as error:
            get_run_logger().warning("%s: its cost could not be noted: %s", worker.name, error)
