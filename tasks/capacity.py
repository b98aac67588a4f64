"""Where workers can go: offers (kept an hour), quota and remembered failures (asked fresh)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from prefect import task
from prefect.cache_policies import INPUTS, TASK_SOURCE
from prefect.logging import get_run_logger

from tasks.phase import RETRY_DELAYS_SECONDS, is_worth_retrying, phase_task
from tasks.session import current
from vmpool.arm import capacity, tagging
from vmpool.errors import CapacityError, VmPoolError
from vmpool.model import Offer, Phase, Place, PoolSpec
from vmpool.placement import assign_places, rank_places

OFFERS_KEPT = timedelta(hours=1)
"""Sizes and restrictions of a subscription change rarely; the list is several MB on Azure."""
FAILURE_REMEMBERED = timedelta(minutes=30)
"""How long a place without capacity is tried last; shared between runs by tags."""


@task(
    name="list-offers",
    task_run_name="list-offers",
    cache_policy=INPUTS + TASK_SOURCE,
    cache_expiration=OFFERS_KEPT,
    persist_result=True,
    retries=len(RETRY_DELAYS_SECONDS),
    retry_delay_seconds=RETRY_DELAYS_SECONDS,
    retry_condition_fn=is_worth_retrying,
)
async def list_offers(subscription_id: str, regions: tuple[str, ...]) -> tuple[Offer, ...]:
    """What Azure offers in the regions; `subscription_id` is part of the cache key."""
    session = current()
    assert subscription_id == session.cloud.subscription_id  # noqa: S101 # the key must be true
    return await session.call(capacity.offers, session.cloud, regions)


@phase_task(Phase.FIND_CAPACITY)
async def find_capacity(
    worker: str, spec: PoolSpec, workers: Sequence[str], tried: Sequence[Place] = ()
) -> dict[str, Place]:
    """A place for each worker that is to be created. Not cached: quota changes with every VM.

    Args:
        worker: who asks: the pool, or one worker that failed elsewhere.
        spec: sizes and regions in the order of preference.
        workers: names of the workers to place.
        tried: places that failed in this run and are not tried again.

    Raises:
        CapacityError: no place is left, or quotas do not hold all workers.
        UsageError: a size or region does not exist.
    """
    session = current()
    offers = await list_offers(session.cloud.subscription_id, spec.regions)
    avoided = await session.call(tagging.avoided_places, session.cloud)
    ranked = rank_places(spec, offers, avoided, session.clock.now())
    left = [offer for offer in ranked if offer.place not in tried]
    if not left:
        places = ", ".join(str(place) for place in tried)
        raise CapacityError(f"{worker}: no capacity in {places}: name others with --size, --region")
    regions = tuple({offer.place.region for offer in left})
    quotas = await session.call(capacity.quotas, session.cloud, regions)
    return assign_places(workers, left, {quota.region: quota for quota in quotas})


async def remember_failure(place: Place) -> None:
    """Have every run avoid a place for a while; if that can't be written, this run goes on."""
    session = current()
    until = session.clock.now() + FAILURE_REMEMBERED
    try:
        await session.insist(tagging.avoid_place, session.cloud, place, until)
    except VmPoolError as error:
        get_run_logger().warning("Other runs will not know that %s is full: %s", place, error)
