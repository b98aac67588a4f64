"""Phases that delete: a worker with all its parts, and what belongs to the whole pool.

Only what carries our tags and the pool's id is touched, see `_ours`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tasks import ledgers, marks, server_guard
from tasks.machines import MOVING, finish
from tasks.phase import phase_task
from tasks.session import Session, current
from vmpool.arm import machines, network
from vmpool.errors import PermanentError
from vmpool.model import Intent, Leftover, Observed, Phase, Worker


@phase_task(Phase.DELETE_WORKER)
async def delete_worker(worker: str) -> None:
    """Delete the VM and whatever of it is left: NIC, address, disk. Missing parts are no error.

    Args:
        worker: worker name.

    Raises:
        PermanentError: something carries the worker's name but not the pool's id.
    """
    session = current()
    observed = before = await session.observed_now()
    found = next((item for item in observed.workers if item.name == worker), None)
    if found:
        _check_ours(session, found)
    if found and found.power_state not in MOVING:  # else Azure refuses the tag for as long
        await marks.note(worker, Intent.DELETE)
    if found or _ours(session, observed, worker):
        await ledgers.leaving(worker, before)
    ended: datetime | None = None
    if found:
        operation = await session.commit(machines.begin_delete, session.cloud, worker)
        await finish(session, operation)
        _, ended = session.cloud.operation_times.of(found.resource_id)
        timer = found.tags.guards.server if found.tags else None
        await server_guard.disarm_gone(worker, timer)
        observed = await session.observed_now()
    await session.call(network.delete_parts, session.cloud, _ours(session, observed, worker))
    if found or _ours(session, before, worker):
        await ledgers.left(worker, before, ended or session.clock.now())
    session.ledgers.pop(worker, None)


@phase_task(Phase.DELETE_NETWORK)
async def delete_network(worker: str) -> None:
    """Delete what belongs to the whole pool, once no worker is left.

    Args:
        worker: the pool's name, as this is a phase of the whole pool.
    """
    session = current()
    observed = await session.observed_now()
    parts = _ours(session, observed, "")
    await session.call(network.delete_parts, session.cloud, parts)
    session.recorder.note(worker, Phase.DELETE_NETWORK, f"{len(parts)} deleted")


def _check_ours(session: Session, worker: Worker) -> None:
    if worker.tags is None or worker.tags.pool_id != session.pool_id:
        raise PermanentError(
            f"VM {worker.name} does not carry the id of pool {session.pool}: it is not touched; "
            "delete it by hand if it is yours"
        )


def _ours(session: Session, observed: Observed, worker: str) -> Sequence[Leftover]:
    """Parts that carry our tags *and* the pool's id; tags alone prove intent, not ownership."""
    return [
        item
        for item in observed.leftovers
        if item.worker == worker and item.pool_id == session.pool_id
    ]
