"""Table artifacts of earlier runs, read back from Prefect, the newest first."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort

T = TypeVar("T")


def keys_with(suffix: str, pool: str | None = None) -> ArtifactFilterKey:
    """Keys that end so.

    Args:
        suffix: end of the keys; the pool's name is before it.
        pool: of this pool only; of every pool when None.
    """
    if pool:
        return ArtifactFilterKey(any_=[f"{pool}{suffix}"])
    return ArtifactFilterKey(like_=f"%{suffix}")


async def read_tables(
    key: ArtifactFilterKey,
    restored: Callable[[Artifact], Iterable[T]],
    is_enough: Callable[[Sequence[T]], bool],
    page_size: int,
    most: int | None = None,
) -> list[T]:
    """What artifacts hold, page by page until it is enough or there are no more.

    Args:
        key: which artifacts.
        restored: what one holds; nothing if it is not one of ours.
        is_enough: asked after each page.
        page_size: artifacts a request, at most 200.
        most: artifacts read at most.
    """
    found: list[T] = []
    offsets = itertools.count(0, page_size) if most is None else range(0, most, page_size)
    async with get_client() as client:
        for offset in offsets:
            page = await client.read_artifacts(
                artifact_filter=ArtifactFilter(key=key),
                sort=ArtifactSort.CREATED_DESC,
                limit=page_size,
                offset=offset,
            )
            found += [item for artifact in page for item in restored(artifact)]
            if is_enough(found) or len(page) < page_size:
                break
    return found


def rows_of(artifact: Artifact) -> list[Any] | None:
    """The rows of a table, None if it is none."""
    rows = json.loads(artifact.data) if isinstance(artifact.data, str) else artifact.data
    return rows if isinstance(rows, list) else None
