"""How an operation ends: the pool is read back, its state said as it is, and an event emitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.logging import get_run_logger

from tasks.deletion import delete_network
from tasks.events import emit_image_event, emit_pool_event
from tasks.evidence import finish
from tasks.operation import look
from tasks.receipt import pause_receipt
from tasks.reconcile import Outcome
from tasks.session import current
from vmpool.arm.survey import survey_images
from vmpool.errors import CapacityError, CloudUnreachableError, PermanentError, VmPoolError
from vmpool.idle import IdleRules
from vmpool.model import PoolState, PowerState
from vmpool.status import document, pool_state


async def conclude(event: str) -> dict[str, Any]:
    """Read the pool back, emit `waa.pool.<event>` and return the status."""
    observed = await look(current())
    status = document(observed, IdleRules.of(current().settings))
    emit_pool_event(observed.pool, event, status)
    return status


async def conclude_up(event: str, min_ready: int, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """End of create and resume.

    Raises:
        VmPoolError: fewer than `min_ready` workers are ready; see `_verdict` for its class.
    """
    ready = [outcome for outcome in outcomes if outcome.is_ok]
    failed = [outcome for outcome in outcomes if not outcome.is_ok]
    _say_uncleaned(failed)
    if len(ready) < min_ready:
        await _drop_empty_pool()
        said = f"{len(ready)} of {len(outcomes)} workers are ready, {min_ready} wanted: "
        said += "; ".join(filter(None, [*(outcome.error for outcome in failed), await finish()]))
        raise _verdict(said, failed)
    return await conclude(event)


def _verdict(said: str, failed: Sequence[Outcome]) -> VmPoolError:
    """The error of an operation: its class tells the exit code.

    Azure out of reach for one worker, in its phases or when it was to be taken back, means that
    nobody knows what runs; a lack of capacity is the operation's only if it was everybody's.
    """
    failures = [outcome.failure for outcome in failed]
    troubles = [outcome.trouble for outcome in failed if outcome.trouble]
    unasked = [e for e in (*troubles, *failures) if isinstance(e, CloudUnreachableError)]
    if unasked:
        return CloudUnreachableError(f"{said}; what runs now is unknown: {unasked[0]}")
    if all(isinstance(failure, CapacityError) for failure in failures):
        return CapacityError(said)
    return PermanentError(said)


async def _drop_empty_pool() -> None:
    """Remove the network of a pool that got no worker at all: nothing half made is left behind."""
    session = current()
    try:
        observed = await look(session)
        if not observed.workers and not any(item.worker for item in observed.leftovers):
            await delete_network(session.pool)
    except VmPoolError as error:
        get_run_logger().warning("Pool %s was not looked after: %s", session.pool, error)


def _say_uncleaned(failed: Sequence[Outcome]) -> None:
    for outcome in failed:
        if not outcome.cleaned:
            mend = f"oa-vm pool-pause --pool {current().pool}"
            get_run_logger().error("%s may still be billed: %s", outcome.worker, mend)


async def conclude_down(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """End of pause: only what Azure calls deallocated counts.

    Raises:
        PermanentError: a worker is not deallocated.
    """
    observed = await look(current())
    up = [w for w in observed.workers if w.power_state is not PowerState.DEALLOCATED]
    if up:
        errors = {outcome.worker: outcome.error for outcome in outcomes if outcome.error}
        said = "; ".join(
            f"{w.name} is {w.power_state} {errors.get(w.name, '')}".strip() for w in up
        )
        raise PermanentError(
            f"pool {observed.pool} is not paused: {said}: again with oa-vm pool-pause --pool "
            f"{observed.pool}"
        )
    status = document(observed, IdleRules.of(current().settings)) | {
        "receipt": await pause_receipt(observed)
    }
    emit_pool_event(observed.pool, "paused", status)
    return status


async def conclude_each(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """End of what has to succeed on each worker and changes no pool's state.

    Raises:
        VmPoolError: one of them failed.
    """
    failed = [outcome for outcome in outcomes if not outcome.is_ok]
    if failed:
        errors = [f"{outcome.worker}: {outcome.failure}" for outcome in failed]
        said = "; ".join(filter(None, [*errors, await finish()]))
        raise _verdict(said, failed)
    return document(await look(current()), IdleRules.of(current().settings))


async def conclude_gone(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """End of cleanup: nothing may be left.

    Raises:
        PermanentError: something is left; the message names it.
    """
    observed = await look(current())
    if pool_state(observed) is not PoolState.ABSENT:
        left = [w.name for w in observed.workers] + [item.name for item in observed.leftovers]
        errors = "; ".join(outcome.error for outcome in outcomes if outcome.error)
        raise PermanentError(
            f"pool {observed.pool} is not gone: {', '.join(sorted(left))} left; {errors}".rstrip(
                "; "
            )
        )
    status = document(observed, IdleRules.of(current().settings))
    status["cost"] = current().final_cost or status["cost"]
    emit_pool_event(observed.pool, "deleted", status)
    return status


async def image_status(event: str) -> dict[str, Any]:
    """Read the images back, emit `waa.image.<event>` and return them."""
    session = current()
    listed: dict[str, Any] = await session.insist(survey_images, session.cloud)
    emit_image_event(event, listed)
    return listed
