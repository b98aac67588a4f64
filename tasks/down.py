"""Bring each worker down, paused or deleted, by the shortest path from where it stands."""

from __future__ import annotations

from prefect.logging import get_run_logger

from tasks import deletion, machines, marks, server_guard
from tasks.reconcile import (
    Outcome,
    attempted,
    left_alone,
    log_failure,
    power_off,
    until_still,
)
from vmpool.errors import PhaseTimeoutError
from vmpool.model import Intent, Worker
from vmpool.plan import Action, Verb, plan_down


async def bring_down(action: Action) -> Outcome:
    """Windows off in order, then deallocated; a Windows that does not obey holds nothing up."""
    worker = action.worker
    if action.verb is Verb.LEAVE:
        return left_alone(action)
    try:
        action = await _until_still_down(action)
        if action.verb is not Verb.NOTHING:
            # Due from now on: should we be killed, auto-pause ends what we have begun.
            await marks.note(worker, Intent.PAUSE, auto_pause_hours=0)
        if action.verb is Verb.PAUSE:
            await power_off(worker)
        if action.verb in (Verb.PAUSE, Verb.DEALLOCATE):
            await machines.deallocate_vm(worker)
        elif action.verb is Verb.NOTHING:
            await server_guard.disarm(worker)
    except Exception as error:  # noqa: BLE001 # what failed is one worker, whatever it was
        log_failure(f"{worker} is not paused", error)
        return Outcome(worker, error, cleaned=False)
    return Outcome(worker)


async def _until_still_down(action: Action) -> Action:
    """Like `until_still`, but what never comes to rest is deallocated all the same."""
    try:
        return await until_still(action, _plan_down)
    except PhaseTimeoutError as error:
        get_run_logger().warning("%s; it is deallocated as it is", error)
        return Action(action.worker, Verb.DEALLOCATE, "keeps moving")


def _plan_down(worker: str, found: Worker | None) -> Action:
    return plan_down(found) if found else Action(worker, Verb.NOTHING, "is gone")


async def remove(action: Action) -> Outcome:
    """Delete one worker with all its parts."""
    worker = action.worker
    return await attempted(worker, deletion.delete_worker(worker), "is not deleted")
