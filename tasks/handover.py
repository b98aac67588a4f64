"""The pause of a pool whose run is ended from outside, handed over to a run of its own.

A pause takes minutes, as Windows is powered off in order. Prefect kills a cancelled run's process
30 seconds after it was told to end (`prefect.runner`, `grace_seconds`), and a killed one does
nothing more. So the pool is made due before its lease is given back, which is a tag: from then on
the scheduled auto-pause has it too, whatever becomes of us and of the pause that is started here.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from anyio import to_thread
from prefect import Flow, get_client, runtime
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.logging.loggers import flow_run_logger

from tasks.credentials import connected
from tasks.guarding import tag_workers
from tasks.leases import is_held_by
from tasks.locking import has_last_held
from vmpool import lifetime, tags
from vmpool.arm.clients import Cloud
from vmpool.arm.leasing import release
from vmpool.arm.machines import list_workers
from vmpool.arm.observing import observe_all
from vmpool.errors import LockedError, VmPoolError
from vmpool.model import Observed, Worker

PAUSE = "pool-pause/pool-pause"
Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


async def handed_over(pool: str) -> bool:
    """If somebody cancels our run in Prefect, have another run pause a pool.

    Call it inside a flow, once nobody holds the pool's lease.

    Args:
        pool: pool name.

    Returns:
        Whether one was started; if not, pausing it is left to us.
    """
    log = get_run_logger()
    try:
        if not await _is_cancelled():
            return False
        return await _pause_by_another(await connected(), pool, str(runtime.flow_run.id), log)
    except Exception as error:  # noqa: BLE001 # whatever it is, we can still try ourselves
        log.warning("The pause of pool %s was not handed over: %s", pool, error)
        return False


async def made_due(pool: str) -> None:
    """Move the deadline of a pool that our run holds to now. Call it inside a flow.

    While the lease is held that pauses nothing. A failure is logged: the pause itself comes next.

    Args:
        pool: pool name.
    """
    log = get_run_logger()
    try:
        await _make_due(await connected(), pool, str(runtime.flow_run.id), log)
    except LockedError as error:
        log.warning("The deadline of pool %s is left as it is: %s", pool, error)


async def check_not_taken(pool: str) -> None:
    """Whether a pool is still ours to pause. Call it inside a flow.

    Args:
        pool: pool name.

    Raises:
        LockedError: somebody else holds its lease.
        VmPoolError: Azure can't be asked.
    """
    cloud, run_id = await connected(), str(runtime.flow_run.id)
    await to_thread.run_sync(_ours, cloud, pool, run_id)


async def _is_cancelled() -> bool:
    """Whether this run, or the one that called it, is cancelled in Prefect.

    Only then is a Prefect worker there that kills its process, and takes up another run.
    """
    root = await to_thread.run_sync(lambda: runtime.flow_run.root_flow_run_id)
    async with get_client() as client:
        run = await client.read_flow_run(root)
    return run.deployment_id is not None and run.state_type is StateType.CANCELLING


async def pause_abandoned(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 # a hook of Prefect
    """Hook for `on_crashed` and `on_cancellation`: pause what a run that is dead still holds.

    Prefect's worker calls it once the process has ended. A run that ended in order has given back
    its lease, and nothing is done. Nothing either if its parameter `pause_after` is false.

    Raises:
        VmPoolError: Azure can't be asked; the lease runs out by itself.
    """
    if not (flow_run.parameters or {}).get("pause_after", True):
        return
    cloud, log = await connected(), flow_run_logger(flow_run)
    cut_off = await _cut_off(flow_run.id, log)
    for observed in await to_thread.run_sync(observe_all, cloud):
        pool, lease = observed.pool, lifetime.lease_of(observed)
        is_held = lease is not None and is_held_by(lease, flow_run.id)
        if lease and is_held:
            await to_thread.run_sync(release, cloud, pool, lease.holder)
        if is_held or pool in cut_off:
            try:
                await _pause_by_another(cloud, pool, str(flow_run.id), log)
            except LockedError as error:
                log.info("Pool %s is left as it is: %s", pool, error)


async def _cut_off(run_id: UUID, log: Log) -> set[str]:
    """Pools that a dead run had an operation on which never ended, and that nobody held since.

    There is no lease while a pool is created, nor while it is paused in the end.
    """
    mine = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run_id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
    )
    try:
        async with get_client() as client:
            runs = await client.read_flow_runs(flow_run_filter=mine)
        found = [(str((run.parameters or {}).get("pool") or ""), run.id) for run in runs]
        return {pool for pool, run in found if pool and await has_last_held(pool, run)}
    except Exception as error:  # noqa: BLE001 # a lease can be given back all the same
        log.warning("What the run was doing is not known: %s", error)
        return set()


async def _pause_by_another(cloud: Cloud, pool: str, run_id: str, log: Log) -> bool:
    is_due = await _make_due(cloud, pool, run_id, log)
    try:
        # A run that starts late, on a pool that somebody has resumed since, must do nothing.
        asked = {"pool": pool, "only_if_due": is_due}
        await arun_deployment(PAUSE, parameters=asked, timeout=0, as_subflow=False)
    except ObjectNotFound:
        log.warning("There is no deployment %s", PAUSE)
        return False
    log.info("Pool %s is paused by a run of %s", pool, PAUSE)
    return True


async def _make_due(cloud: Cloud, pool: str, run_id: str, log: Log) -> bool:
    """Move a pool's deadline to now; whether that is written."""
    try:
        await to_thread.run_sync(_write_deadline, cloud, pool, run_id)
    except LockedError:
        raise
    except VmPoolError as error:
        log.warning("The deadline of pool %s was not moved to now: %s", pool, error)
        return False
    return True


def _write_deadline(cloud: Cloud, pool: str, run_id: str) -> None:
    ours = _ours(cloud, pool, run_id)
    now = cloud.clock.now()  # the cloud's, which is not known before it was asked something
    tag_workers(cloud, ours, {tags.AUTO_PAUSE_AT: tags.format_time(now)})


def _ours(cloud: Cloud, pool: str, run_id: str) -> list[Worker]:
    """The pool's workers, unless another run than ours holds it."""
    workers = list_workers(cloud, pool)
    observed = Observed(pool, cloud.clock.now(), workers)
    lease = lifetime.lease_of(observed)
    if lease and lease.is_held(observed.at) and not is_held_by(lease, run_id):
        raise LockedError(f"{lease.holder} works on it")
    return [worker for worker in workers if worker.tags]
