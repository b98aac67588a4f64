"""The work pool that every deployment names: runs are processes beside the Prefect worker."""

from __future__ import annotations

from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate

WORK_POOL = "local"


async def ensure_work_pool() -> None:
    """Create the work pool, or set one that is there back to a process pool."""
    async with get_client() as client:
        await client.create_work_pool(
            WorkPoolCreate(name=WORK_POOL, type="process"), overwrite=True
        )
