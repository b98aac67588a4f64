"""Leases: while somebody works on a pool its timer waits. Kept by a heartbeat, then given back.

A lease reaches `WAA_LEASE_MINUTES` ahead and is renewed long before; if its holder dies it runs out
and the pool's deadline counts again. No heartbeat carries it beyond `WAA_LEASE_MAX_HOURS`. The lock
of the pool is not held meanwhile: whoever wants to extend or to pause it may.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from prefect.logging import get_run_logger

from tasks.credentials import connected
from tasks.uncut import call_uncut, ended
from vmpool.arm.clients import Cloud
from vmpool.arm.leasing import release, take
from vmpool.errors import LockedError, NotFoundError, VmPoolError
from vmpool.guards import Lease
from vmpool.leases import HEARTBEATS
from vmpool.settings import check_pool_name, load_settings

LONGEST_HOLDER = 100
"""Characters of a holder's name that are kept."""
ID_LENGTH = 8
"""Characters of a run's id in its holder's name: evaluations of one pool bear the same name. The
last ones: an id that begins with its time (UUID 7) begins like all others of that minute."""
SOONER = 5
"""A heartbeat that failed is tried again so many times sooner."""
FEWEST_WALL_SECONDS = 0.2
"""Between two heartbeats, however fast the local clock runs."""
Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


@dataclass
class Held:
    """A lease that is held.

    Attributes:
        pool: pool name.
        holder: who holds it.
        lease: as last written.
        is_lost: set when it can no longer be renewed: it has ended for good, or somebody else took
            the pool after heartbeats had failed. From then on the pool may be paused any moment.
    """

    pool: str
    holder: str
    lease: Lease
    is_lost: asyncio.Event = field(default_factory=asyncio.Event)


def holder_of(name: str, run_id: UUID | str) -> str:
    """How a flow run signs the leases that it holds: nobody else signs so, but its own retry.

    Args:
        name: the run's name.
        run_id: its id.
    """
    return f"{name[: LONGEST_HOLDER - ID_LENGTH - 1]} {str(run_id)[-ID_LENGTH:]}"


def is_held_by(lease: Lease, run_id: UUID | str) -> bool:
    """Whether a lease was signed by a flow run, whatever that was called then."""
    return lease.holder.endswith(f" {str(run_id)[-ID_LENGTH:]}")


@asynccontextmanager
async def lease(pool: str | None, holder: str) -> AsyncIterator[Held]:
    """Hold a pool while the block runs: auto-pause waits for it. Call it inside a flow or task.

    Args:
        pool: pool name; the settings' when None.
        holder: who, for people; see `holder_of`. The same one may take it again.

    Raises:
        LockedError: somebody else holds it.
        NotFoundError: the pool has no workers.
        VmPoolError: Azure refused or could not be asked at the beginning; later that is logged.
    """
    settings = load_settings()
    name, who = check_pool_name(pool or settings.pool), holder[:LONGEST_HOLDER]
    cloud = await connected(settings)
    held = Held(name, who, await _taken(cloud, name, who))
    beating = asyncio.ensure_future(_beat(cloud, held, get_run_logger()))
    try:
        yield held
    finally:
        beating.cancel()
        cancelled = await ended(beating)  # a heartbeat on its way would take it once more
        await _give_back(cloud, name, who)
        if cancelled:
            raise cancelled


async def _taken(cloud: Cloud, pool: str, holder: str) -> Lease:
    """Take the lease; cut off or failed half way, give back what has been written of it."""
    try:
        return await call_uncut(take, cloud, pool, holder)
    except (LockedError, NotFoundError):  # it is another's, or nobody's
        raise
    except BaseException:
        await _give_back(cloud, pool, holder)
        raise


async def _beat(cloud: Cloud, held: Held, log: Log) -> None:
    """Renew the lease until it is lost; a heartbeat that fails is tried again, sooner."""
    usual = cloud.settings.lease_minutes * 60 / HEARTBEATS
    pause = usual
    while not held.is_lost.is_set():
        await asyncio.sleep(max(cloud.clock.wall_seconds(pause), FEWEST_WALL_SECONDS))
        pause = usual
        try:
            held.lease = await call_uncut(take, cloud, held.pool, held.holder, held.lease)
        except (LockedError, NotFoundError) as error:
            log.error("The lease of pool %s is lost: %s", held.pool, error)  # noqa: TRY400 # known
            held.is_lost.set()
        except Exception as error:  # noqa: BLE001 # no heartbeat may end the work that it is for
            log.warning("A heartbeat of pool %s failed: %s", held.pool, error)
            pause = usual / SOONER
        if held.lease.ends <= cloud.clock.now():
            log.warning("The lease of pool %s has ended for good: it may be paused", held.pool)
            held.is_lost.set()


async def _give_back(cloud: Cloud, pool: str, holder: str) -> None:
    try:
        await call_uncut(release, cloud, pool, holder)
    except VmPoolError as error:
        get_run_logger().warning("The lease of pool %s runs out by itself: %s", pool, error)
