"""image-push: the Docker image into the registry, so that no other VM need build it."""

from __future__ import annotations

from typing import Any, Literal

from prefect import flow

from tasks.operation import look, operation
from tasks.outcome import image_status
from tasks.registry import create_registry, push_image
from tasks.registry_build import build_in_registry
from tasks.wanted import require_pool, require_running, require_workers
from vmpool.naming import BAKE_POOL


@flow(name="image-push", flow_run_name="image-push by {builder}")
async def image_push(
    pool: str | None = None, builder: Literal["worker", "acr"] = "worker"
) -> dict[str, Any]:
    """Put the Docker image into the registry, which is made if there is none.

    Args:
        pool: pool whose worker has it; WAA_POOL by default.
        builder: worker takes it from a running worker; acr has Azure build it without any VM.

    Returns:
        The images, as `image-list --json` shows them.

    Raises:
        NotFoundError: no worker runs that could have it.
        VmPoolError: it could not be built or pushed.
    """
    if builder == "acr":
        async with operation(BAKE_POOL) as session:
            target = await create_registry(session.pool, session.settings.regions[0])
            await build_in_registry(session.pool, target)
            return await image_status("pushed")
    async with operation(pool) as session:
        observed = require_workers(require_pool(await look(session)))
        worker = require_running(observed)[0]
        target = await create_registry(session.pool, worker.place.region)
        await push_image(worker.name, target)
        return await image_status("pushed")
