"""Pure: one line on a pool for whoever opens a shell: what it is, what it costs, what to do."""

from __future__ import annotations

from vmpool.cost import DAY_HOURS
from vmpool.holdings import group_of, pool_lot, running_since, sum_of
from vmpool.model import Observed, PoolState, PowerState
from vmpool.status import pool_state


def hint(observed: Observed, group: str, default_pool: str) -> str:
    """The line.

    Args:
        observed: a pool with whatever costs something.
        group: resource group that commands use when nothing is said.
        default_pool: pool that commands use when nothing is said.
    """
    since = running_since(observed)
    when = f" since {since:%m-%d %H:%M} UTC" if since else ""
    return f"{observed.pool or 'no pool'} {_state(observed)}{when}, {_per_day(observed)}: " + (
        _command(observed, group, default_pool)
    )


def _state(observed: Observed) -> str:
    state = pool_state(observed)
    if not observed.workers:
        return "left over"
    is_up = any(worker.power_state is not PowerState.DEALLOCATED for worker in observed.workers)
    if state is PoolState.PAUSED or not is_up:
        return "paused"
    return "up, state unknown" if state is PoolState.UNKNOWN else "up"


def _per_day(observed: Observed) -> str:
    lot = pool_lot(observed, "")
    known, missing = sum_of(item.usd_per_hour for item in lot.holdings)
    about = "~" if any(item.is_estimate for item in lot.holdings) else ""
    more = " + unknown" if missing else ""
    return f"{about}{known * DAY_HOURS:.2f}{more} USD/day"


def _command(observed: Observed, group: str, default_pool: str) -> str:
    ids = [worker.resource_id for worker in observed.workers]
    ids += [item.resource_id for item in observed.leftovers]
    there = group_of(ids[0])
    verb = "pool-cleanup" if _state(observed) in ("paused", "left over") else "pool-pause"
    where = "" if there.lower() == group.lower() else f"WAA_RESOURCE_GROUP={there} "
    if not observed.pool:
        return f"{where}oa-vm resources"
    which = "" if observed.pool == default_pool else f" --pool {observed.pool}"
    return f"{where}oa-vm {verb}{which}"
