"""`pool-eval`: an evaluation on a pool, from resume to pause."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from oa_vm.options import DryRun, GoldenImage, Hours, Json, Pool
from oa_vm.output import err, out, print_json, table
from oa_vm.pool import look_first, pool_create, pool_resume
from oa_vm.run import run_flow
from vmpool.errors import EvalFailedError, UsageError
from vmpool.eval_command import Where, command_from
from vmpool.eval_report import headline, notes, problems, rows
from vmpool.evals import check_numbers, task_names
from vmpool.imaging import AUTO
from vmpool.settings import Settings, load_settings

MOST_PROBLEMS = 20
"""Lines on the terminal; all are in summary.json."""


def pool_eval(  # one option each
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMAND",
            help="After --: what runs for each shard or task. {worker_index}, {num_workers}, "
            "{results}, {task} and {tasks_file} are filled in.",
        ),
    ],
    where: Annotated[
        Where,
        typer.Option(
            "--on", help="Where it runs: in the Windows container, on the VM, or on this machine."
        ),
    ] = Where.CONTAINER,
    tasks: Annotated[
        Path | None,
        typer.Option(
            "--tasks",
            metavar="FILE",
            help="Run once for each task listed there, one a line or WAA's JSON; else by shards.",
        ),
    ] = None,
    shards: Annotated[
        int | None,
        typer.Option("--shards", metavar="N", help="So many parts; default one a worker."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", "-n", metavar="N", help="Create what is missing; default as it is, or 1."
        ),
    ] = None,
    min_ready: Annotated[
        int,
        typer.Option("--min-ready", metavar="N", help="Go on with so many workers, or fail."),
    ] = 1,
    limit: Annotated[
        float,
        typer.Option("--limit-minutes", metavar="MINUTES", help="End a command after so long."),
    ] = 240.0,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            metavar="NAME",
            help="Variable for the command, read from the Prefect Secret block of that name "
            "(OPENAI_API_KEY: openai-api-key). May be repeated.",
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option("--results", metavar="DIR", help="Default a new folder in WAA_RESULTS_DIR."),
    ] = None,
    pause_after: Annotated[
        bool,
        typer.Option("--pause-after/--no-pause-after", help="Pause the pool at the end."),
    ] = True,
    image: GoldenImage = AUTO,
    auto_pause_hours: Hours = None,
    pool: Pool = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Resume (or create) a pool, run a command on every worker, fetch results, pause it."""
    settings = load_settings(pool=pool)
    names = None if tasks is None else _read(tasks)
    line = shlex.join(command)
    command_from(
        line, where, lists_tasks=names is not None, minutes=limit, secrets=tuple(secret or ())
    )
    check_numbers(names, shards, workers, min_ready)
    if dry_run:
        _print_plan(settings, workers, image, auto_pause_hours, as_json=as_json)
        if not as_json:
            parts = f"{len(names)} tasks, each by itself" if names else _cut(shards)
            out.print(f"then {parts}, {where.value}: {line}", markup=False)
        return
    parameters: dict[str, Any] = {
        "command": line,
        "pool": settings.pool,
        "where": where.value,
        "tasks": names,
        "shards": shards,
        "workers": workers,
        "min_ready": min_ready,
        "image": image,
        "auto_pause_hours": auto_pause_hours,
        "limit_minutes": limit,
        "secrets": secret,
        "results": str(results.absolute()) if results else None,
        "pause_after": pause_after,
    }
    try:
        found = run_flow(settings, "pool-eval", parameters)
    except EvalFailedError as error:
        _print(error.summary, as_json=as_json)
        raise
    _print(found, as_json=as_json)


def _cut(shards: int | None) -> str:
    return f"{shards} shards" if shards else "a shard for each worker"


def _read(file: Path) -> list[str]:
    try:
        return task_names(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text"
        raise UsageError(f"--tasks {file}: {why}") from error


def _print_plan(
    settings: Settings, workers: int | None, image: str, hours: float | None, *, as_json: bool
) -> None:
    """How the pool would be brought up: the plan of the command that would do the same."""
    if workers is None and not look_first(settings).is_absent:
        pool_resume(hours, pool=settings.pool, as_json=as_json, dry_run=True)
    else:
        pool_create(
            workers or 1,
            image=image,
            auto_pause_hours=hours,
            pool=settings.pool,
            as_json=as_json,
            dry_run=True,
        )


def _print(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(summary)
        return
    numeric = ("done", "failed", "score", "busy", "USD")
    out.print(table(headline(summary["pool"], summary), rows(summary), numeric=numeric))
    for line in notes(summary):
        out.print(line, markup=False)
    said = problems(summary)
    for line in said[:MOST_PROBLEMS]:
        err.print(line, markup=False)
    if len(said) > MOST_PROBLEMS:
        err.print(f"and {len(said) - MOST_PROBLEMS} more, see summary.json")
    out.print(f"Results are in {summary['folder']}", markup=False)
