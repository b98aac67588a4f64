"""What workers have cost, kept by the operation that changes it and written with its other tags.

Before a long operation the ledger says what was true until then (or, before a start, that Azure
bills from now on); after it, what Azure's own times say. Whoever dies in between leaves a ledger
that the next one brings up to date with what it sees. See docs/costs.md.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from prefect.logging import get_run_logger

from tasks.session import Session, current
from tasks.shared import Shared
from vmpool import ledger as books
from vmpool import tags
from vmpool.arm import machines, prices, tagging
from vmpool.arm.kinds import NETWORK
from vmpool.books import unnoted, with_ledger
from vmpool.cost import gone_of, sums_at_deletion, worker_sums
from vmpool.errors import VmPoolError
from vmpool.ledger import Sight
from vmpool.model import Observed, Worker
from vmpool.money import Ledger, Prices, Sums
from vmpool.spent import Gone, Spent

WATCH_CLOUD_SECONDS = 5.0
"""Between looks at whether Azure bills a new VM yet: it tells no time for that afterwards."""
WATCHED_CLOUD_SECONDS = 300.0
"""Longer than any host is looked for; after that it is reckoned from other times."""


async def prices_of(size: str, region: str) -> Prices:
    """What a worker costs; asks Azure once an operation and region, and for some seconds at most.

    Args:
        size: VM size.
        region: Azure region.
    """
    session = current()
    return await session.call(prices.of_worker, session.cloud, size, region)


def see(session: Session, workers: tuple[Worker, ...], at: datetime) -> None:
    """Bring the ledgers up to what was just observed.

    Args:
        session: the operation.
        workers: as Azure shows them.
        at: when.
    """
    for worker in workers:
        found = [session.ledgers.get(worker.name), worker.tags.ledger if worker.tags else None]
        known = [item for item in found if item]
        if known:
            newest = max(known, key=lambda item: item.until)
            session.ledgers[worker.name] = books.reconcile(newest, Sight.of(worker, at))


def written(worker: str) -> dict[str, str]:
    """The tag of a worker's ledger as of now, nothing if it has none."""
    session = current()
    if worker not in session.ledgers:
        return {}
    session.ledgers[worker] = books.accrue(session.ledgers[worker], session.clock.now())
    return {tags.LEDGER: session.ledgers[worker].encode()}


def opened(worker: str) -> Ledger:
    """The ledger of a VM that is about to be created; that of an earlier try goes on."""
    session = current()
    return session.ledgers.setdefault(worker, books.opened(session.clock.now()))


def starting(worker: str) -> Ledger | None:
    """A start is about to be requested: noted ahead, as billed from now on; a session begins.

    Returns:
        The ledger before it, for `started`.
    """
    session = current()
    if worker not in session.ledgers:
        return None
    before = books.began_session(session.ledgers[worker], session.clock.now())
    session.ledgers[worker] = books.noted_ahead(before, session.clock.now())
    return before


def started(worker: str, before: Ledger | None) -> None:
    """A start has ended: Azure has billed since it began, by its own clock."""
    session = current()
    began = _began(session, worker)
    if before and began:
        since = books.switched(before, began, is_billed=True)
        session.ledgers[worker] = books.accrue(since, session.clock.now())


def deallocated(worker: str) -> None:
    """A deallocation has ended: Azure has not billed since it began."""
    session = current()
    if worker in session.ledgers:
        at = _began(session, worker) or session.clock.now()
        since = books.switched(session.ledgers[worker], at, is_billed=False)
        session.ledgers[worker] = books.accrue(since, session.clock.now())


def _began(session: Session, worker: str) -> datetime | None:
    """When Azure began this operation's last operation on a worker's VM."""
    return session.cloud.operation_times.of(machines.vm_resource_id(session.cloud, worker))[0]


async def watch_power_on(worker: str) -> None:
    """Look until Azure bills a new VM; what can't be seen is reckoned from other times later."""
    session = current()

    async def check() -> bool | None:
        found = [item for item in await session.workers_now() if item.name == worker]
        see(session, tuple(found), session.clock.now())
        known = session.ledgers.get(worker)
        return True if known is None or known.is_billed else None

    try:
        await session.until(
            check,
            every_seconds=WATCH_CLOUD_SECONDS,
            within_seconds=WATCHED_CLOUD_SECONDS,
            what=f"power of {worker}",
        )
    except VmPoolError as error:
        get_run_logger().debug("%s: its power-on was not seen: %s", worker, error)


async def leaving(worker: str, observed: Observed) -> None:
    """A worker is about to be deleted, its tags with it: note elsewhere what it has cost.

    Args:
        worker: worker name.
        observed: the pool, just now.
    """
    session = current()
    see(session, observed.workers, observed.at)
    gone = sums_at_deletion(informed(session, observed), worker, session.clock.now())
    await _note_gone(observed, worker, gone, is_finished=False)


async def left(worker: str, observed: Observed, at: datetime) -> None:
    """A worker is deleted.

    Args:
        worker: worker name.
        observed: the pool before.
        at: when the deletion ended.
    """
    session = current()
    sums = worker_sums(informed(session, observed), worker, at)
    await _note_gone(observed, worker, Gone(observed.at, sums), is_finished=True)


async def _note_gone(observed: Observed, worker: str, gone: Gone, *, is_finished: bool) -> None:
    """Write what a worker cost to the pool's network, which is deleted last."""
    session, number = current(), worker.rpartition("-")[2]
    if session.spent is None and not _open_spent(session, observed):
        get_run_logger().warning("%s: what it cost can't be noted: there is no network", worker)
        return
    known = session.spent or Spent()
    pending = {key: value for key, value in known.pending.items() if key != number}
    if is_finished:
        finished = known.finished + gone.sums
    else:  # a deletion that nobody saw end is finished in so far as there is nothing left of it
        before = known.pending.get(number)
        finished = known.finished + (gone_of(observed, number, before) if before else Sums())
        pending[number] = gone
    session.spent = Spent(finished, pending, known.packs)
    try:
        await session.spent_noted()
    except VmPoolError as error:
        get_run_logger().warning("What %s cost could not be noted: %s", worker, error)


def _open_spent(session: Session, observed: Observed) -> bool:
    """Read what is noted on the pool's first network; whether there is one."""
    networks = sorted(
        (item for item in observed.leftovers if item.type == NETWORK),
        key=lambda item: item.resource_id,
    )
    if networks:
        session.spent, session.spent_on = networks[0].spent or Spent(), networks[0].resource_id
        session.spent_noted = Shared(partial(_write_spent, session))
    return bool(networks)


async def _write_spent(session: Session) -> None:
    """Write what deleted workers cost as it is known now; one request for all who ask at once."""
    spent = session.spent or Spent()
    written_now = spent.encode(tags.SPENT)
    session.spent = replace(spent, packs=len(written_now) - 1)
    await session.insist(tagging.merge_tags, session.cloud, session.spent_on, written_now)


def informed(session: Session, observed: Observed) -> Observed:
    """An observation with the ledgers of this operation, which know more than tags say."""
    workers = (
        with_ledger(worker, session.ledgers[worker.name])
        if worker.name in session.ledgers
        else worker
        for worker in observed.workers
    )
    return replace(observed, workers=tuple(workers))


async def correct(session: Session, observed: Observed) -> None:
    """Write the ledgers of workers whose state changed without a note: the later, the less exact.

    Args:
        session: the operation.
        observed: the pool, just now.
    """
    for worker in unnoted(observed):
        try:
            await session.insist(
                tagging.merge_tags, session.cloud, worker.resource_id, written(worker.name)
            )
        except VmPoolError as error:
            get_run_logger().warning("%s: its cost could not be noted: %s", worker.name, error)
