"""Earlier runs, read back from Prefect: the table artifacts that every run leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
from prefect.client.schemas.objects import Artifact
from prefect.exceptions import PrefectException

from tasks.tables import keys_with, read_tables, rows_of
from vmpool.history import History, Run, restored

SUFFIX = "-timings"
"""End of the artifacts' keys; the pool's name is before it."""
RUNS = 50
"""Runs that expectations and p95 are made of."""
PAGE = 50
"""Artifacts a request: of a pool of 64 one table has 200 kB."""


async def read_history(runs: int = RUNS, pool: str | None = None) -> History:
    """The last runs that Prefect has on record.

    Args:
        runs: how many at most.
        pool: of this pool only; of every pool when None.
    """
    found = await read_tables(
        keys_with(SUFFIX, pool), _runs, lambda found: len(found) >= runs, min(PAGE, runs)
    )
    return History(tuple(found[:runs]))


async def earlier_runs() -> History:
    """The same for what can do without: nothing when Prefect does not tell."""
    try:
        return await read_history()
    except (PrefectException, httpx.HTTPError, ValueError):
        return History()


def _runs(artifact: Artifact) -> list[Run]:
    rows = rows_of(artifact)
    if rows is None or not artifact.key:
        return []
    at = artifact.created or datetime.now(UTC)
    run = restored(artifact.key.removesuffix(SUFFIX), at, rows)
    return [run] if run else []
