"""pool-extend: more time until auto-pause."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow

from tasks import server_guard
from tasks.marks import extend_timer
from tasks.operation import look, operation, run_name
from tasks.outcome import conclude
from tasks.wanted import require_pool
from vmpool import lifetime


@flow(name="pool-extend", flow_run_name=run_name)
async def pool_extend(pool: str | None = None, hours: float = 1.0) -> dict[str, Any]:
    """Move a pool's auto-pause by some hours, from its deadline or from now if that has passed.

    Args:
        pool: pool name; WAA_POOL by default.
        hours: hours to add.

    Returns:
        The pool's status, as `pool-status --json` shows it.

    Raises:
        NotFoundError: there is no such pool.
        UsageError: the pool is paused, or the hours are not positive.
    """
    async with operation(pool) as session:
        observed = require_pool(await look(session))
        due = lifetime.extended(observed, session.clock.now(), hours)
        names = [worker.name for worker in observed.workers if worker.tags]
        writes = (extend_timer(name, due) for name in names)
        ended = await asyncio.gather(*writes, return_exceptions=True)
        for failure in (item for item in ended if isinstance(item, BaseException)):
            raise failure
        extended = await look(session)
        await server_guard.move(extended, lifetime.auto_pause_at(extended) or due)
        return await conclude("extended")
