"""The end of an evaluation: what it came to, as a document, a file and an artifact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from anyio import to_thread
from prefect.artifacts import acreate_markdown_artifact
from prefect.logging import get_run_logger

from tasks.credentials import connected
from tasks.evaluation import Evaluation
from tasks.events import emit_pool_event
from vmpool import chart
from vmpool.arm.machines import observe
from vmpool.cost import cost, worker_names, worker_sums
from vmpool.errors import VmPoolError
from vmpool.eval_report import Share, headline, markdown, summary
from vmpool.model import Observed
from vmpool.timing import Span

SUMMARY = "summary.json"
RESULT = "result.txt"
"""WAA's client writes a task's score there: `lib_run_single.py`, `run_single_example`."""


async def pool_now(pool: str) -> Observed | None:
    """The pool, None when Azure can't be asked: a report must not fail an evaluation."""
    try:
        cloud = await connected()
        return await to_thread.run_sync(observe, cloud, pool)
    except VmPoolError as error:
        get_run_logger().warning("What %s costs is not known now: %s", pool, error)
        return None


async def conclude_eval(
    evaluation: Evaluation, before: Observed, began: datetime
) -> dict[str, Any]:
    """Sum up an evaluation whose units have all ended.

    Args:
        evaluation: which.
        before: the pool before it.
        began: cloud time of its beginning.

    Returns:
        The summary; the same is in the results folder and in the artifact `<pool>-eval`.
    """
    job, pool = evaluation.job, before.pool
    after = await pool_now(pool)
    shares = [
        Share(name, time.busy, _spent(before, after, name), time.lost)
        for name, time in evaluation.crew.times.items()
    ]
    missing = {span.worker for span in evaluation.spans} - {pool, *evaluation.crew.times}
    shares += [Share(name, 0.0, _spent(before, after, name), "", is_ready=False)
               for name in missing]  # fmt: skip
    scores = {
        record.unit.name: found_scores(job.folder / record.unit.name)
        for record in evaluation.board.records
    }
    seconds = (job.clock.now() - began).total_seconds()
    found = {"pool": pool, "folder": str(job.folder)} | summary(
        evaluation.board, shares, scores, seconds, _all_spent(before, after)
    )
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / SUMMARY).write_text(json.dumps(found, indent=2) + "\n")
    await _publish(found, evaluation.spans)
    emit_pool_event(pool, "evaluated", found)
    return found


async def _publish(found: dict[str, Any], spans: Sequence[Span]) -> None:
    pool, title = found["pool"], headline(found["pool"], found)
    picture = chart.markdown(title, spans)
    try:
        await acreate_markdown_artifact(
            f"{markdown(found)}\n\n{picture}", key=f"{pool}-eval", description=title
        )
    except Exception as error:  # noqa: BLE001 # the same is in the results folder
        get_run_logger().warning("The artifact of the evaluation was not written: %s", error)


def _spent(before: Observed, after: Observed | None, worker: str) -> float | None:
    """What one worker cost between two looks."""
    if after is None or worker not in worker_names(after):
        return None
    now, then = worker_sums(after, worker).total, worker_sums(before, worker).total
    return None if now is None or then is None else round(now - then, 6)


def _all_spent(before: Observed, after: Observed | None) -> float | None:
    now = cost(after).total_usd if after else None
    then = 0.0 if before.is_absent else cost(before).total_usd
    return None if now is None or then is None else round(now - then, 6)


def found_scores(folder: Path) -> Sequence[float]:
    """WAA's scores anywhere below a folder; what is no number is none."""
    scores = []
    for file in sorted(folder.rglob(RESULT)):
        with suppress(ValueError, OSError):
            scores.append(float(file.read_text().strip()))
    return scores
