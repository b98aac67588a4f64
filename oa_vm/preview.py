"""Questions that commands ask Azure directly, without Prefect: status, plans, places."""

from __future__ import annotations

from collections.abc import Sequence

from vmpool.arm import capacity, tagging
from vmpool.arm.clients import connect
from vmpool.arm.machines import observe
from vmpool.model import Observed, PoolSpec
from vmpool.placement import assign_places, rank_places
from vmpool.plan import Action, Verb
from vmpool.settings import Settings


def observe_pool(settings: Settings) -> Observed:
    """The pool as Azure shows it now."""
    return observe(connect(settings), settings.pool)


def places_for(settings: Settings, spec: PoolSpec, actions: Sequence[Action]) -> dict[str, str]:
    """Where the workers that are to be created would go."""
    new = [action.worker for action in actions if action.verb in (Verb.CREATE, Verb.RECREATE)]
    if not new:
        return {}
    cloud = connect(settings)
    offers = capacity.offers(cloud, spec.regions)
    ranked = rank_places(spec, offers, tagging.avoided_places(cloud), cloud.clock.now())
    quotas = capacity.quotas(cloud, spec.regions)
    places = assign_places(new, ranked, {quota.region: quota for quota in quotas})
    return {worker: str(place) for worker, place in places.items()}
