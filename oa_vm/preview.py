"""Questions that commands ask Azure directly, without Prefect: status, plans, places, images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vmpool.arm import capacity, tagging
from vmpool.arm.clients import connect
from vmpool.arm.images import list_images
from vmpool.arm.machines import observe
from vmpool.arm.observing import observe_all
from vmpool.arm.strays import list_marked
from vmpool.arm.survey import survey_images
from vmpool.idle import IdleRules, judge
from vmpool.imaging import from_image, image_in
from vmpool.model import Observed, Place, PoolSpec
from vmpool.orphans import judge_all
from vmpool.placement import assign_places, rank_places
from vmpool.plan import Action, Verb
from vmpool.settings import Settings
from vmpool.sweep import sweep_document


def observe_pool(settings: Settings) -> Observed:
    """The pool as Azure shows it now."""
    return observe(connect(settings), settings.pool)


def list_our_images(settings: Settings) -> dict[str, Any]:
    """The golden images, as `image-list --json` shows them."""
    return survey_images(connect(settings))


def with_image(settings: Settings, spec: PoolSpec, image: str) -> PoolSpec:
    """The wish, made from the golden image that `--image` means."""
    return from_image(spec, list_images(connect(settings)), image)


def preview_sweep(settings: Settings) -> dict[str, Any]:
    """What `idle-cleanup` would do now."""
    cloud = connect(settings)
    pools = observe_all(cloud)
    rules = IdleRules.of(settings)
    judged = [judge(observed, observed.at, rules) for observed in pools]
    workers, parts = list_marked(cloud)
    return sweep_document(judged, judge_all(parts, workers, cloud.clock.now()))


def new_places(settings: Settings, spec: PoolSpec, actions: Sequence[Action]) -> dict[str, Place]:
    """Where the workers that are to be created would go."""
    new = [action.worker for action in actions if action.verb in (Verb.CREATE, Verb.RECREATE)]
    if not new:
        return {}
    cloud = connect(settings)
    offers = capacity.offers(cloud, spec.regions)
    ranked = rank_places(spec, offers, tagging.avoided_places(cloud), cloud.clock.now())
    quotas = capacity.quotas(cloud, spec.regions)
    return assign_places(new, ranked, {quota.region: quota for quota in quotas})


def described(places: Mapping[str, Place], spec: PoolSpec) -> dict[str, str]:
    """Each worker's place in words, and what the worker is made from."""
    return {worker: _described(place, spec) for worker, place in places.items()}


def _described(place: Place, spec: PoolSpec) -> str:
    image = image_in(spec, place.region)
    return f"{place} from {image.name}" if image else str(place)
