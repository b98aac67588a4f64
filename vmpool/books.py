"""Pure: the ledger of a worker as Azure shows it now, and which ledgers somebody has to write."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from vmpool.ledger import Sight, reconcile
from vmpool.model import Observed, PowerState, Worker
from vmpool.money import Ledger


def ledger_now(worker: Worker, at: datetime) -> Ledger | None:
    """A worker's ledger, brought up to what Azure says of it; None if it has none."""
    if worker.tags is None or worker.tags.ledger is None:
        return None
    return reconcile(worker.tags.ledger, Sight.of(worker, at))


MOVING = (PowerState.CREATING, PowerState.STARTING, PowerState.STOPPING, PowerState.DEALLOCATING)
"""Azure refuses tags for as long as it moves a VM."""


def unnoted(observed: Observed) -> tuple[Worker, ...]:
    """Workers at rest of which Azure knows better than their ledger whether they were billed."""
    return tuple(
        worker
        for worker in observed.workers
        if worker.power_state not in (*MOVING, PowerState.UNKNOWN)
        and worker.tags
        and worker.tags.ledger
        and (
            worker.tags.ledger.is_settled
            or worker.tags.ledger.is_billed != worker.power_state.is_billed
        )
    )


def with_ledger(worker: Worker, ledger: Ledger) -> Worker:
    """A worker whose ledger is known better than its tags say."""
    return replace(worker, tags=replace(worker.tags, ledger=ledger)) if worker.tags else worker
