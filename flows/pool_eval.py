"""pool-eval: resume (or create) a pool, run an evaluation on it, collect its results, pause it."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger

from flows.ready_pool import Wish, held_up, paused_after
from tasks.eval_report import conclude_eval
from tasks.eval_wanted import wanted_evaluation
from tasks.evaluation import begun
from tasks.handover import pause_abandoned
from tasks.operation import run_name
from vmpool.errors import EvalFailedError, VmPoolError
from vmpool.eval_report import headline
from vmpool.imaging import AUTO


@flow(
    name="pool-eval",
    flow_run_name=run_name,
    on_crashed=[pause_abandoned],
    on_cancellation=[pause_abandoned],
)
async def pool_eval(  # noqa: PLR0913, PLR0917 # the form in the UI
    command: str,
    pool: str | None = None,
    where: str = "container",
    tasks: list[str] | None = None,
    shards: int | None = None,
    workers: int | None = None,
    min_ready: int = 1,
    image: str = AUTO,
    auto_pause_hours: float | None = None,
    limit_minutes: float = 240.0,
    secrets: list[str] | None = None,
    results: str | None = None,
    pause_after: bool = True,  # noqa: FBT001, FBT002 # a tick box in the UI
) -> dict[str, Any]:
    """Run a command for every shard or task, on each worker from the moment it is ready.

    Args:
        command: what is run, with {worker_index}, {num_workers}, {results}, and for listed tasks
            {task} and {tasks_file} in it; split like a shell's line, but no shell reads it.
        pool: pool name; WAA_POOL by default.
        where: container (in the Windows container, where WAA's client is), worker (on the VM) or
            local (here, with WAA_ENDPOINT in the environment).
        tasks: tasks, each run by itself on the next free worker; shards when not given.
        shards: into how many parts the command cuts the work; one for each worker by default.
        workers: how many workers; those that the pool has, or one, by default.
        min_ready: how many have to become ready; the others are done without.
        image: golden image of new workers: auto, none, or a name.
        auto_pause_hours: hours until auto-pause if this run is killed.
        limit_minutes: cloud minutes after which one command is ended.
        secrets: variables for the command, such as OPENAI_API_KEY; each value is read from the
            Prefect Secret block of that name (openai-api-key).
        results: folder for the results; by default a new one in WAA_RESULTS_DIR.
        pause_after: pause the pool at the end, also of a run that fails or is cancelled.

    Returns:
        The summary, as `pool-eval --json` shows it.

    Raises:
        EvalFailedError: units failed or are not done; it has the summary.
        VmPoolError: no worker became ready, or the pool is not paused.
    """
    wanted = await wanted_evaluation(
        command, pool, where=where, tasks=tasks, shards=shards, workers=workers,
        min_ready=min_ready, limit_minutes=limit_minutes, secrets=secrets, results=results,
    )  # fmt: skip
    wish = Wish(wanted.pool, workers, min_ready, auto_pause_hours, image, pause_after)
    with begun(wanted.job, wanted.units) as evaluation:
        try:
            async with (
                paused_after(wanted.pool, is_wanted=pause_after),
                evaluation.crew as crew,
                held_up(wish, crew.join) as held,
            ):
                await crew.over(held)
        except asyncio.CancelledError:
            evaluation.board.call_off("interrupted")
            get_run_logger().warning("Interrupted; results so far are in %s", wanted.job.folder)
            raise
        except VmPoolError:
            if evaluation.board.records:
                get_run_logger().warning("What was done by then is in %s", wanted.job.folder)
            raise
        finally:
            evaluation.board.call_off("nobody was left to do it")
            found = await conclude_eval(evaluation, wanted.before, wanted.began)
    if found["done"] < found["units"]:
        raise EvalFailedError(f"{headline(wanted.pool, found)}; see {found['folder']}", found)
    return found
