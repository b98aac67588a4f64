"""image-pull: the Docker image from the registry onto every running worker."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.docker_image import pull_image
from tasks.operation import look, operation, run_name
from tasks.outcome import conclude_each
from tasks.reconcile import Outcome, attempted, each
from tasks.wanted import require_pool, require_running, require_workers
from vmpool.plan import Action, Verb


@flow(name="image-pull", flow_run_name=run_name)
async def image_pull(pool: str | None = None) -> dict[str, Any]:
    """Bring the registry's Docker image to every running worker, by its digest.

    A container goes on as it is; the next resume changes it to the new image.

    Args:
        pool: pool name; WAA_POOL by default.

    Returns:
        The pool's status, as `pool-status --json` shows it.

    Raises:
        NotFoundError: no worker runs, or the registry has no such image.
        VmPoolError: a worker could not pull it.
    """
    async with operation(pool) as session:
        observed = require_workers(require_pool(await look(session)))
        running = require_running(observed)
        actions = [Action(worker.name, Verb.CHECK, "runs") for worker in running]

        async def pull(action: Action) -> Outcome:
            return await attempted(
                action.worker, pull_image(action.worker, only_registry=True), "has no new image"
            )

        return await conclude_each(await each(actions, pull))
