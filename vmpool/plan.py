"""Pure planning: what has to be done so that a pool becomes what somebody wants.

`plan_*(spec or nothing, observed) -> actions`. Idempotence and `--dry-run` live here: an action is
planned only for what is not yet so. Nothing here asks anybody or waits; inside a VM each phase
looks for itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vmpool.errors import PermanentError, UsageError
from vmpool.model import Intent, Observed, Place, PoolSpec, PowerState, Worker
from vmpool.naming import worker_name
from vmpool.settings import MAX_HOURS, MAX_WORKERS


class Verb(StrEnum):
    """What is done to one worker."""

    CREATE = "create"
    RECREATE = "recreate"
    START = "start"
    CHECK = "check"
    PAUSE = "pause"
    DEALLOCATE = "deallocate"
    WAIT = "wait"
    DELETE = "delete"
    LEAVE = "leave"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Action:
    """One step of a plan.

    Attributes:
        worker: worker name.
        verb: what is done.
        reason: why, for people.
        has_data: whether the worker was ready once, so that its disk is worth keeping.
    """

    worker: str
    verb: Verb
    reason: str
    has_data: bool = False


UP: Mapping[PowerState, tuple[Verb, str]] = {
    PowerState.CREATING: (Verb.WAIT, "is being created"),
    PowerState.STARTING: (Verb.WAIT, "is starting"),
    PowerState.RUNNING: (Verb.CHECK, "runs; only what is missing inside"),
    PowerState.STOPPING: (Verb.WAIT, "is stopping"),
    PowerState.STOPPED: (Verb.START, "is stopped"),
    PowerState.DEALLOCATING: (Verb.WAIT, "is being deallocated"),
    PowerState.DEALLOCATED: (Verb.START, "is deallocated"),
    PowerState.UNKNOWN: (Verb.START, "has no known power state; starting a running VM is harmless"),
}
"""How a worker in each power state gets up: total, so that a new state can't be forgotten.
What Azure is still moving is waited for and then planned again."""

DOWN: Mapping[PowerState, tuple[Verb, str]] = {
    PowerState.CREATING: (Verb.WAIT, "is being created"),
    PowerState.STARTING: (Verb.WAIT, "is starting"),
    PowerState.RUNNING: (Verb.PAUSE, "runs and is billed"),
    PowerState.STOPPING: (Verb.DEALLOCATE, "is stopping and billed"),
    PowerState.STOPPED: (Verb.DEALLOCATE, "is stopped but still billed"),
    PowerState.DEALLOCATING: (Verb.WAIT, "is being deallocated"),
    PowerState.DEALLOCATED: (Verb.NOTHING, "is deallocated already"),
    PowerState.UNKNOWN: (Verb.DEALLOCATE, "has no known power state; it may be billed"),
}
"""How a worker in each power state gets down."""

UNREADABLE = (Verb.LEAVE, "has no readable waa tags: it is not touched; mend its tags by hand")
"""Tags prove at least intent; what has none may be anybody's."""


def check_spec(spec: PoolSpec) -> None:
    """Refuse numbers that make no pool.

    Raises:
        UsageError: 0 or too many workers, more ready ones wanted than there are, or a timer that
            would hardly ever fire.
    """
    if not 1 <= spec.workers <= MAX_WORKERS:
        raise UsageError(f"--workers {spec.workers} is not between 1 and {MAX_WORKERS}")
    if not 0 < spec.min_ready <= spec.workers:
        raise UsageError(f"--min-ready {spec.min_ready} is not between 1 and {spec.workers}")
    if not 0 < spec.auto_pause_hours <= MAX_HOURS:
        raise UsageError(
            f"--auto-pause-hours {spec.auto_pause_hours:g} is not above 0 and at most {MAX_HOURS}"
        )


def check_identity(observed: Observed) -> str:
    """The id recorded for the pool, "" when nothing of it exists.

    Raises:
        PermanentError: two pools share the name, so nobody can say what belongs to which.
    """
    ids = observed.pool_ids
    if len(ids) > 1:
        raise PermanentError(
            f"resources tagged waa-pool={observed.pool} carry {len(ids)} different pool ids "
            f"({', '.join(sorted(ids))}): correct the waa-pool-id tags by hand first"
        )
    return next(iter(ids), "")


def plan_create(spec: PoolSpec, observed: Observed) -> tuple[Action, ...]:
    """Every wanted worker, each brought up from where it stands; others are left alone."""
    known = {worker.name: worker for worker in observed.workers}
    names = [worker_name(spec.name, index) for index in range(spec.workers)]
    return tuple(plan_up(name, known.get(name)) for name in names)


def kept_as_they_are(
    observed: Observed, sizes: Sequence[str] = (), regions: Sequence[str] = (), image: str = ""
) -> str:
    """What a create leaves as it is although something else was asked for, "" if nothing.

    Args:
        observed: the pool before.
        sizes: VM sizes that somebody named; empty if nobody did.
        regions: regions that somebody named; likewise.
        image: golden image that somebody named; likewise.
    """
    kept = [worker.place for worker in observed.workers if not worker.is_broken]
    moved = [place for place in kept if not _is_in(place, sizes, regions)]
    pool = observed.pool
    if moved:
        counted = ", ".join(f"{count} {place}" for place, count in Counter(map(str, moved)).items())
        return f"existing workers stay where they are ({counted}): {_to_change(pool)}"
    if image and kept:
        return f"existing workers keep their disks, --image is for new ones: {_to_change(pool)}"
    return ""


def _is_in(place: Place, sizes: Sequence[str], regions: Sequence[str]) -> bool:
    named_sizes, named_regions = ({name.lower() for name in names} for names in (sizes, regions))
    is_size = not named_sizes or place.size.lower() in named_sizes
    return is_size and (not named_regions or place.region.lower() in named_regions)


def _to_change(pool: str) -> str:
    return f"oa-vm pool-cleanup --pool {pool} first if they shall change"


def plan_resume(observed: Observed) -> tuple[Action, ...]:
    """Every worker that the pool has."""
    return tuple(plan_up(worker.name, worker) for worker in _by_name(observed.workers))


def plan_pause(observed: Observed) -> tuple[Action, ...]:
    """Every worker down to deallocated."""
    return tuple(plan_down(worker) for worker in _by_name(observed.workers))


def plan_cleanup(observed: Observed) -> tuple[Action, ...]:
    """Every worker, and every name of which only parts are left."""
    workers = {worker.name: f"VM {worker.power_state}" for worker in observed.workers}
    parts: dict[str, int] = {}
    for item in observed.leftovers:
        if item.worker and item.worker not in workers:
            parts[item.worker] = parts.get(item.worker, 0) + 1
    reasons = workers | {name: f"{count} parts without a VM" for name, count in parts.items()}
    return tuple(Action(name, Verb.DELETE, reason) for name, reason in sorted(reasons.items()))


def _by_name(workers: Iterable[Worker]) -> list[Worker]:
    return sorted(workers, key=lambda worker: worker.name)


def plan_up(name: str, worker: Worker | None) -> Action:
    """What brings one worker up, None being one that does not exist."""
    if worker is None:
        return Action(name, Verb.CREATE, "does not exist")
    if worker.tags is None:
        return Action(name, *UNREADABLE, has_data=True)
    if worker.is_broken:
        what = "deletion was begun" if worker.tags.intent is Intent.DELETE else "creation failed"
        return Action(name, Verb.RECREATE, f"its {what}")
    return Action(name, *UP[worker.power_state], worker.tags.ready_at is not None)


def plan_down(worker: Worker) -> Action:
    """What brings one worker down."""
    if worker.tags is None and worker.power_state is not PowerState.DEALLOCATED:
        return Action(worker.name, *UNREADABLE, has_data=True)
    return Action(worker.name, *DOWN[worker.power_state], has_data=True)
