"""What `--dry-run` says of the budgets: the figures by which the run would be let in or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vmpool import budget
from vmpool.arm import prices
from vmpool.arm.budgeting import limits, reckon
from vmpool.arm.clients import connect
from vmpool.cost import own_prices
from vmpool.model import Place, Worker
from vmpool.settings import Settings


def budget_figures(
    settings: Settings, places: Sequence[Place], kept: Sequence[Worker], hours: float
) -> list[dict[str, Any]]:
    """Each budget that is set, with what the run would add; nothing is written.

    Args:
        settings: hold the budgets.
        places: where new workers would go.
        kept: workers that exist and would run.
        hours: until auto-pause.
    """
    if not limits(settings):
        return []
    cloud = connect(settings)
    new = [prices.of_worker(cloud, place.size, place.region) for place in places]
    run = budget.run_cost([*new, *map(own_prices, kept)], hours)
    reckoned, _ = reckon(cloud, is_noted=False)
    return [
        {
            "period": reckoning.period.value,
            "spent_usd": round(reckoning.mark.spent, 6),
            "run_usd": round(run.usd, 6),
            "budget_usd": reckoning.limit,
            "unknown": reckoning.unknown + run.unknown,
            "is_beyond": budget.is_beyond(reckoning, run),
            "said": (budget.refusal if budget.is_beyond(reckoning, run) else budget.described)(
                reckoning, run
            ),
        }
        for reckoning in reckoned
    ]
