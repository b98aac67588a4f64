"""Reckons what the group's pools have spent this day and month, and notes it on the group."""

from __future__ import annotations

from vmpool import budget, tags
from vmpool.arm.clients import Cloud
from vmpool.arm.inventory import pools_everywhere
from vmpool.arm.kinds import group_id
from vmpool.arm.tagging import merge_tags, read_tags
from vmpool.budget import Mark, Period, Reckoning, after, spent_in
from vmpool.errors import NotFoundError
from vmpool.holdings import sum_of
from vmpool.model import Observed
from vmpool.settings import Settings


def limits(settings: Settings) -> dict[Period, float]:
    """The budgets that are set, in USD."""
    found = {
        Period.DAY: settings.budget_usd_per_day,
        Period.MONTH: settings.budget_usd_per_month,
    }
    return {period: limit for period, limit in found.items() if limit is not None}


def reckon(cloud: Cloud, *, is_noted: bool = True) -> tuple[list[Reckoning], tuple[Observed, ...]]:
    """Each budget that is set, as it stands now; nobody is asked if none is.

    Args:
        cloud: connection.
        is_noted: whether the mark on the resource group is written.

    Returns:
        The budgets, and the pools of the resource group.

    Raises:
        VmPoolError: Azure could not be asked.
    """
    wanted = limits(cloud.settings)
    if not wanted:
        return [], ()
    before = _marks(cloud)
    pools = pools_everywhere(cloud, scope=group_id(cloud))
    now = cloud.clock.now()
    found = {period: _spent(pools, period) for period in Period}
    marks = {
        period: after(before.get(period), period.began(now), found[period][0]) for period in Period
    }
    if is_noted:
        _write(cloud, marks)
    made = [
        Reckoning(period, limit, marks[period], found[period][1])
        for period, limit in wanted.items()
    ]
    return made, pools


def _spent(pools: tuple[Observed, ...], period: Period) -> tuple[float, int]:
    parts = [spent_in(observed, period) for observed in pools]
    return sum_of(known for known, _ in parts)[0], sum(missing for _, missing in parts)


def _marks(cloud: Cloud) -> dict[Period, Mark]:
    found = {name.lower(): value for name, value in read_tags(cloud, group_id(cloud)).items()}
    return budget.decode(found.get(tags.BUDGET, ""))


def _write(cloud: Cloud, marks: dict[Period, Mark]) -> None:
    try:
        merge_tags(cloud, group_id(cloud), {tags.BUDGET: budget.encode(marks.items())})
    except NotFoundError:  # no resource group: nothing was spent yet
        return
