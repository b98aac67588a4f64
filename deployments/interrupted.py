"""Runs whose Prefect worker ended under them: said to be crashed, or they would run for ever.

A worker reports what becomes of its runs; one that was stopped or killed itself reports nothing.
"""

from __future__ import annotations

from prefect import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from deployments.work_pool import WORK_POOL


async def close_interrupted_runs(reason: str) -> list[str]:
    """Set every run of the work pool that seems to run to Crashed. No worker of it may be running.

    Args:
        reason: shown in the UI.

    Returns:
        Names of those that somebody had asked for; a schedule's come again by themselves.
    """
    live = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
    async with get_client() as client:
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=live)),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL])),
        )
        for run in runs:
            await client.set_flow_run_state(run.id, Crashed(message=reason), force=True)
    return [run.name for run in runs if not run.auto_scheduled]
