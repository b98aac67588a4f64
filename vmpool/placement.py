"""Pure: where workers go. Sizes, regions, restrictions, quota, known failures become places.

Nothing here proves capacity: an allocation can still fail, and the next place is taken then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from vmpool.errors import CapacityError, UsageError
from vmpool.model import Offer, Place, PoolSpec, Quota


def rank_places(
    spec: PoolSpec, offers: Sequence[Offer], avoided: Mapping[Place, datetime], now: datetime
) -> tuple[Offer, ...]:
    """The offers worth trying, best first.

    Sizes count before regions: a user who named a size first wants that size. Places that failed
    lately come last rather than never: when nothing else is left they are better than nothing.

    Args:
        spec: sizes and regions in the order of preference.
        offers: what Azure offers in those regions.
        avoided: places that had no capacity, and until when to avoid them (cloud time).
        now: cloud time.

    Raises:
        UsageError: a size or region does not exist.
        CapacityError: all that was named is restricted for this subscription.
    """
    _check_known(spec, offers)
    named = [o for o in offers if o.place.size in spec.sizes and o.place.region in spec.regions]
    usable = [offer for offer in named if not offer.is_restricted and offer.is_nested]
    if not usable:
        raise CapacityError(_why_unusable(spec, named), "SkuNotAvailable")

    def preference(offer: Offer) -> tuple[bool, int, int]:
        until = avoided.get(offer.place)
        is_avoided = until is not None and until > now
        size, region = offer.place.size, offer.place.region
        return is_avoided, spec.sizes.index(size), spec.regions.index(region)

    return tuple(sorted(usable, key=preference))


def _check_known(spec: PoolSpec, offers: Sequence[Offer]) -> None:
    regions = {offer.place.region for offer in offers}
    sizes = {offer.place.size for offer in offers}
    for region in spec.regions:
        if region not in regions:
            raise UsageError(f"no VM size is offered in region {region!r}: is it spelled right?")
    for size in spec.sizes:
        if size not in sizes:
            raise UsageError(
                f"VM size {size!r} exists in none of {', '.join(spec.regions)}: see "
                f"az vm list-skus --location {spec.regions[0]}"
            )


def _why_unusable(spec: PoolSpec, offers: Sequence[Offer]) -> str:
    named = f"{', '.join(spec.sizes)} in {', '.join(spec.regions)}"
    if all(offer.is_restricted for offer in offers):
        return f"this subscription may not use {named}: name others with --size or --region"
    return f"none of {named} can nest virtual machines, which Windows needs: use Dv3 or later"


def assign_places(
    workers: Sequence[str], ranked: Sequence[Offer], quotas: Mapping[str, Quota]
) -> dict[str, Place]:
    """Give each worker that is to be created the best place that still has quota.

    Args:
        workers: names of the workers to create.
        ranked: usable offers, best first.
        quotas: free cores by region.

    Raises:
        CapacityError: the quotas together do not hold all workers; nothing was begun.
    """
    free_total = {region: quota.free_total for region, quota in quotas.items()}
    free_family = {
        (region, family): free
        for region, quota in quotas.items()
        for family, free in quota.free_by_family.items()
    }
    assigned: dict[str, Place] = {}
    for worker in workers:
        for offer in ranked:
            region, key = offer.place.region, (offer.place.region, offer.family)
            if min(free_total.get(region, 0), free_family.get(key, 0)) >= offer.vcpus:
                free_total[region] -= offer.vcpus
                free_family[key] -= offer.vcpus
                assigned[worker] = offer.place
                break
        else:
            raise CapacityError(_no_quota(len(assigned), len(workers), ranked), "QuotaExceeded")
    return assigned


def _no_quota(held: int, wanted: int, ranked: Sequence[Offer]) -> str:
    places = ", ".join(str(offer.place) for offer in ranked)
    return (
        f"the quota holds {held} of {wanted} workers ({places}): ask Azure for more cores, "
        "use fewer workers, or name more regions with --region"
    )
