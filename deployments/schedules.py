"""Schedules of the local stack: what prefect.yaml says in cloud seconds, in seconds of the wall.

The local Azure's clock runs faster than the wall's, and timers fire by the cloud's clock. So the
guards have to look as often in cloud time as they would on Azure.
"""

from __future__ import annotations

from datetime import timedelta

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import IntervalSchedule

TAG = "waa"
"""Every deployment of ours bears it."""
SHORTEST = timedelta(seconds=30)
"""A run costs 4 CPU seconds, most of them imports: every 10 s, an idle laptop would lose 40 % of a
core to it, and on two busy cores runs that somebody waits for would queue behind it."""


def local_interval(interval: timedelta, speed: float) -> timedelta:
    """The wall interval of a schedule.

    Args:
        interval: as prefect.yaml says, on the cloud's clock.
        speed: cloud seconds per wall second.
    """
    return max(interval / speed, min(SHORTEST, interval))


async def fit_to_speed(speed: float) -> None:
    """Divide every interval schedule by the clock's speed. Call once after each deploy.

    Args:
        speed: cloud seconds per wall second; 1 changes nothing.
    """
    if speed == 1:
        return
    async with get_client() as client:
        for deployment in await ours(client):
            for schedule in deployment.schedules:
                await _fit(client, deployment, schedule, speed)


async def ours(client: PrefectClient) -> list[DeploymentResponse]:
    """The deployments that prefect.yaml made."""
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    return await client.read_deployments(deployment_filter=tagged)


async def _fit(
    client: PrefectClient,
    deployment: DeploymentResponse,
    schedule: DeploymentSchedule,
    speed: float,
) -> None:
    if not isinstance(schedule.schedule, IntervalSchedule):
        return
    fitted = schedule.schedule.model_copy(
        update={"interval": local_interval(schedule.schedule.interval, speed)}
    )
    await client.update_deployment_schedule(deployment.id, schedule.id, schedule=fitted)
