"""What somebody wants of a pool, from parameters and settings; nonsense is refused here."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.session import Session
from vmpool.errors import NotFoundError
from vmpool.model import Observed, PoolSpec, PowerState, Worker
from vmpool.plan import check_spec
from vmpool.status import no_pool


def require_pool(observed: Observed) -> Observed:
    """Pass on a pool that exists.

    Raises:
        NotFoundError: nothing of it exists.
    """
    if observed.is_absent:
        raise NotFoundError(no_pool(observed.pool))
    return observed


def require_workers(observed: Observed) -> Observed:
    """Pass on a pool that has workers.

    Raises:
        NotFoundError: only parts of it are left.
    """
    if not observed.workers:
        raise NotFoundError(
            f"pool {observed.pool} has no workers, only parts of them: "
            f"oa-vm pool-create --pool {observed.pool} completes it"
        )
    return observed


def require_running(observed: Observed) -> tuple[Worker, ...]:
    """The workers that run.

    Raises:
        NotFoundError: none does.
    """
    running = tuple(w for w in observed.workers if w.power_state is PowerState.RUNNING and w.tags)
    if not running:
        raise NotFoundError(
            f"no worker of pool {observed.pool} runs: oa-vm pool-resume --pool {observed.pool}"
        )
    return running


def spec_from(  # noqa: PLR0913, PLR0917 # the parameters of a flow, one by one
    session: Session,
    workers: int,
    sizes: Sequence[str] | None = None,
    regions: Sequence[str] | None = None,
    auto_pause_hours: float | None = None,
    min_ready: int | None = None,
) -> PoolSpec:
    """What is wanted, with the settings standing in for what was not said."""
    settings = session.settings
    spec = PoolSpec(
        name=session.pool,
        workers=workers,
        sizes=tuple(sizes or settings.sizes),
        regions=tuple(regions or settings.regions),
        auto_pause_hours=(
            settings.auto_pause_hours if auto_pause_hours is None else auto_pause_hours
        ),
        min_ready=workers if min_ready is None else min_ready,
    )
    check_spec(spec)
    return spec
