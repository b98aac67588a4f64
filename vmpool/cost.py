"""Pure: what a pool has cost, costs now and would cost, from its tags and Azure's own times.

Compute is reckoned from each VM's ledger; disks and addresses are billed in every state, from their
creation to their deletion. What cannot be known is None, never 0, and makes every sum that it is
part of None too. A golden image and a registry serve all pools: they are no pool's cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from vmpool.books import ledger_now
from vmpool.ledger import DELETING, LONGEST_DELETING, accrue
from vmpool.lifetime import paused_at
from vmpool.model import Leftover, Observed, Worker
from vmpool.moments import HOUR_SECONDS, hours_between
from vmpool.money import RETAIL, TABLE, Prices, Sums, add, times
from vmpool.pricing import BUILT_IN
from vmpool.spent import Gone

DAY_HOURS = 24.0
DISK_TYPE, ADDRESS_TYPE = "/disks", "/publicipaddresses"


@dataclass(frozen=True)
class Cost:
    """What a pool costs, in USD; None is unknown.

    Attributes:
        total_usd: accrued in all, deleted workers included.
        compute_usd: of that, VMs.
        disk_usd: of that, disks.
        ip_usd: of that, public addresses.
        idle_usd_per_day: what a day of being paused costs.
        is_estimate: whether list figures stood in for Azure's prices.
        running_usd_per_hour: what an hour costs while every worker runs.
        uncertain_usd: by how much the total may be wrong, because changes were seen late.
        price_source: `retail`, `table`, or None if no price is known.
        session: the present or last session: from create or resume to the pause.
        paused_day: a day of being paused, by resource.
    """

    total_usd: float | None
    compute_usd: float | None
    disk_usd: float | None
    ip_usd: float | None
    idle_usd_per_day: float | None
    is_estimate: bool
    running_usd_per_hour: float | None
    uncertain_usd: float | None
    price_source: str | None
    session: Sums
    paused_day: Sums

    @property
    def least_usd(self) -> float | None:
        """What it cost at least."""
        least = add(self.total_usd, times(self.uncertain_usd, -1.0))
        return None if least is None else _micro(max(least, 0.0))

    @property
    def most_usd(self) -> float | None:
        """What it cost at most."""
        return _micro(add(self.total_usd, self.uncertain_usd))


def cost(observed: Observed) -> Cost:
    """What a pool costs at the moment of its observation."""
    live = sum((worker_sums(observed, name) for name in worker_names(observed)), Sums())
    total = live + gone_sums(observed)
    if observed.is_absent:  # what it cost before it went is not known
        total = Sums(None, None, None)
    found = [_prices(observed, item) for item in observed.leftovers if _kind(item)]
    prices = [*found, *(own_prices(worker) for worker in observed.workers)]
    idle = _idle(observed)
    compute = add(*(_vm_price(worker) for worker in observed.workers))
    return Cost(
        total_usd=_micro(total.total),
        compute_usd=_micro(total.compute),
        disk_usd=_micro(total.disk),
        ip_usd=_micro(total.ip),
        idle_usd_per_day=_micro(idle.total),
        is_estimate=any(price.is_estimate for price in prices),
        running_usd_per_hour=_micro(add(compute, times(idle.total, 1 / DAY_HOURS))),
        uncertain_usd=_micro(total.uncertain),
        price_source=_source(prices),
        session=_rounded(_session(observed)),
        paused_day=_rounded(idle),
    )


def worker_names(observed: Observed) -> tuple[str, ...]:
    """Every worker of which anything exists."""
    names = {worker.name for worker in observed.workers}
    return tuple(sorted(names | {item.worker for item in observed.leftovers if item.worker}))


def worker_sums(observed: Observed, worker: str, until: datetime | None = None) -> Sums:
    """What one worker has cost.

    Args:
        observed: the pool.
        worker: worker name.
        until: a moment after the observation; up to then it stays what it is.
    """
    at = until or observed.at
    vms = [item for item in observed.workers if item.name == worker]
    parts = [item for item in observed.leftovers if item.worker == worker]
    return Sums(
        compute=add(*(_compute(observed, vm, at) for vm in vms)),
        disk=add(*(_part(observed, item, at) for item in parts if _kind(item) == DISK_TYPE)),
        ip=add(*(_part(observed, item, at) for item in parts if _kind(item) == ADDRESS_TYPE)),
        uncertain=add(*(_slack(observed, vm) for vm in vms)),
    )


def sums_at_deletion(observed: Observed, worker: str, at: datetime) -> Gone:
    """What one worker will have cost if its deletion begins at `at` and takes as long as usual."""
    sums = worker_sums(observed, worker, at + DELETING)
    longest = worker_sums(observed, worker, at + LONGEST_DELETING)
    beyond = add(longest.total, times(sums.total, -1.0))
    return Gone(at, replace(sums, uncertain=add(sums.uncertain, beyond)))


def gone_sums(observed: Observed) -> Sums:
    """What deleted workers cost; of those that are being deleted, what no longer counts itself."""
    noted = [item.spent for item in observed.leftovers if item.spent]
    finished = sum((spent.finished for spent in noted), Sums())
    entries = [entry for spent in noted for entry in spent.pending.items()]
    return sum((gone_of(observed, number, gone) for number, gone in entries), finished)


def gone_of(observed: Observed, number: str, gone: Gone) -> Sums:
    """What is gone of a worker whose deletion has begun; what still exists counts itself.

    Args:
        observed: the pool.
        number: number in the worker's name.
        gone: what was noted when its deletion began.
    """
    worker = f"{observed.pool}-{number}"

    def is_there(moments: list[datetime | None]) -> bool:
        return any(moment is None or moment <= gone.at for moment in moments)

    parts = [item for item in observed.leftovers if item.worker == worker]
    vms = [vm.created_at for vm in observed.workers if vm.name == worker]
    disks = [item.created_at for item in parts if _kind(item) == DISK_TYPE]
    addresses = [item.created_at for item in parts if _kind(item) == ADDRESS_TYPE]
    return Sums(
        compute=0.0 if is_there(vms) else gone.sums.compute,
        disk=0.0 if is_there(disks) else gone.sums.disk,
        ip=0.0 if is_there(addresses) else gone.sums.ip,
        uncertain=0.0 if is_there(vms) else gone.sums.uncertain,
    )


def warnings(observed: Observed) -> list[str]:
    """What is not known of a pool's cost, one line each."""
    found = [
        f"{worker.name}: what its VM has cost is not known, its tags don't say"
        for worker in observed.workers
        if _compute(observed, worker, observed.at) is None
    ]
    found += [
        f"{worker.name} is now a {worker.place.size}, but costs are reckoned as {prices.size}"
        for worker in observed.workers
        if (prices := own_prices(worker)).size and prices.size.lower() != worker.place.size.lower()
    ]
    parts = [item for item in observed.leftovers if _kind(item)]
    return found + [
        f"{item.name}: what it has cost is not known, its tags don't say"
        for item in parts
        if _part(observed, item, observed.at) is None
    ]


def _compute(observed: Observed, worker: Worker, at: datetime) -> float | None:
    ledger = ledger_now(worker, observed.at)
    seconds = accrue(ledger, at).billed_seconds if ledger else None
    return times(_vm_price(worker), times(seconds, 1 / HOUR_SECONDS))


def _slack(observed: Observed, worker: Worker) -> float | None:
    ledger = ledger_now(worker, observed.at)
    seconds = ledger.slack_seconds if ledger else None
    return times(_vm_price(worker), times(seconds, 1 / HOUR_SECONDS))


def _part(observed: Observed, item: Leftover, at: datetime) -> float | None:
    return times(_part_price(observed, item), _hours(item.created_at, at))


def _part_price(observed: Observed, item: Leftover) -> float | None:
    prices = _prices(observed, item)
    return prices.disk if _kind(item) == DISK_TYPE else prices.ip


def _prices(observed: Observed, item: Leftover) -> Prices:
    """The prices in a part's own tags, else in those of its VM, else the built-in ones."""
    vms = [worker for worker in observed.workers if worker.name == item.worker]
    return item.prices or (own_prices(vms[0]) if vms else BUILT_IN.of(""))


def own_prices(worker: Worker) -> Prices:
    """The prices of its launch, else the built-in ones, which know few sizes."""
    found = worker.tags.prices if worker.tags else None
    return found or BUILT_IN.of(worker.place.size)


def _vm_price(worker: Worker) -> float | None:
    return own_prices(worker).vm


def _idle(observed: Observed) -> Sums:
    """A day of all that stays while paused."""
    parts = [item for item in observed.leftovers if _kind(item)]

    def day(kind: str) -> float | None:
        rates = (_part_price(observed, item) for item in parts if _kind(item) == kind)
        return times(add(*rates), DAY_HOURS)

    return Sums(0.0, day(DISK_TYPE), day(ADDRESS_TYPE))


def _session(observed: Observed) -> Sums:
    return sum((_session_of(observed, worker) for worker in observed.workers), Sums())


def _session_of(observed: Observed, worker: Worker) -> Sums:
    ledger = ledger_now(worker, observed.at)
    if ledger is None:
        return Sums(None, None, None)
    hours = (ledger.billed_seconds - ledger.session_base) / HOUR_SECONDS
    ended_at = min(paused_at(worker, observed.at) or observed.at, observed.at)
    parts = [item for item in observed.leftovers if item.worker == worker.name]

    def part(kind: str) -> float | None:
        return add(
            *(
                times(
                    _part_price(observed, item),
                    _hours(max(item.created_at or ledger.session_at, ledger.session_at), ended_at),
                )
                for item in parts
                if _kind(item) == kind
            )
        )

    return Sums(times(_vm_price(worker), hours), part(DISK_TYPE), part(ADDRESS_TYPE))


def _hours(since: datetime | None, at: datetime) -> float | None:
    return None if since is None else hours_between(since, at)


def _kind(item: Leftover) -> str:
    """`/disks` or `/publicipaddresses`, "" for what costs nothing."""
    kind = "/" + item.type.lower().rpartition("/")[2]
    return kind if kind in (DISK_TYPE, ADDRESS_TYPE) else ""


def _source(prices: list[Prices]) -> str | None:
    if not prices:
        return None
    return RETAIL if all(price.source == RETAIL for price in prices) else TABLE


def _rounded(sums: Sums) -> Sums:
    return Sums(_micro(sums.compute), _micro(sums.disk), _micro(sums.ip))


def _micro(amount: float | None) -> float | None:
    """Millionths of a dollar: finer than any bill."""
    return None if amount is None else round(amount, 6)
