"""Earlier runs, read back from Prefect: the table artifacts that every run leaves behind."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort
from prefect.exceptions import PrefectException

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
    key = (
        ArtifactFilterKey(any_=[f"{pool}{SUFFIX}"])
        if pool
        else ArtifactFilterKey(like_=f"%{SUFFIX}")
    )
    found: list[Run] = []
    offset = 0
    async with get_client() as client:
        while len(found) < runs:
            page = await client.read_artifacts(
                artifact_filter=ArtifactFilter(key=key),
                sort=ArtifactSort.CREATED_DESC,
                limit=min(PAGE, runs),
                offset=offset,
            )
            found += [run for run in map(_run, page) if run]
            offset += len(page)
            if len(page) < min(PAGE, runs):
                break
    return History(tuple(found[:runs]))


async def earlier_runs() -> History:
    """The same for what can do without: nothing when Prefect does not tell."""
    try:
        return await read_history()
    except (PrefectException, httpx.HTTPError, ValueError):
        return History()


def _run(artifact: Artifact) -> Run | None:
    rows = json.loads(artifact.data) if isinstance(artifact.data, str) else artifact.data
    if not isinstance(rows, list) or not artifact.key:
        return None
    return restored(artifact.key.removesuffix(SUFFIX), artifact.created or datetime.now(UTC), rows)
