"""What somebody wants to evaluate, from parameters and settings; nonsense is refused here."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from anyio import to_thread
from prefect import runtime

from tasks.credentials import connected
from tasks.evaluation import new_run_mark, secret_values
from tasks.stations import Job
from vmpool.arm.machines import observe
from vmpool.errors import UsageError
from vmpool.eval_command import Command, Where, command_from
from vmpool.evals import Unit, check_numbers, listed
from vmpool.evals import shards as cut
from vmpool.guest.keys import check_client_key
from vmpool.model import Observed
from vmpool.settings import Settings, check_pool_name, load_settings


@dataclass(frozen=True)
class Wanted:
    """An evaluation before it begins.

    Attributes:
        pool: pool name.
        job: what is run.
        units: the work.
        before: the pool as it is.
        began: cloud time.
    """

    pool: str
    job: Job
    units: tuple[Unit, ...]
    before: Observed
    began: datetime


async def wanted_evaluation(  # noqa: PLR0913 # the parameters of a flow, one by one
    command: str,
    pool: str | None,
    *,
    where: str,
    tasks: Sequence[str] | None,
    shards: int | None,
    workers: int | None,
    min_ready: int,
    limit_minutes: float,
    secrets: Sequence[str] | None,
    results: str | None,
) -> Wanted:
    """Check everything that can be checked before anything costs.

    Raises:
        UsageError: it makes no evaluation, or a secret is not to be had.
        VmPoolError: Azure can't be asked.
    """
    settings = load_settings()
    name = check_pool_name(pool or settings.pool)
    check_client_key(settings.key_file, is_named=settings.ssh_key_file is not None)
    check_numbers(tasks, shards, workers, min_ready)
    checked = command_from(
        command, where, lists_tasks=tasks is not None, minutes=limit_minutes,
        secrets=tuple(secrets or ()),
    )  # fmt: skip
    _check_program(checked)
    values = await secret_values(checked.secrets)
    cloud = await connected(settings)
    before = await to_thread.run_sync(observe, cloud, name)
    count = workers or len(before.workers) or 1
    mark = new_run_mark(runtime.flow_run.id)
    units, parts = _units(tasks, shards or count), 0 if tasks is not None else shards or count
    job = Job(
        command=checked,
        run=mark,
        folder=_folder(settings, results, f"{name}-{mark}"),
        clock=cloud.clock,
        workers=count,
        shards=parts,
        secrets=values,
    )
    return Wanted(name, job, units, before, cloud.clock.now())


def _check_program(command: Command) -> None:
    """Refuse a program that this machine does not have, before VMs are paid for it."""
    program = command.words[0]
    if command.where is Where.LOCAL and "{" not in program and not shutil.which(program):
        raise UsageError(f"{program} is no program here: it would be run on this machine")


def _units(tasks: Sequence[str] | None, count: int) -> tuple[Unit, ...]:
    return listed(tasks) if tasks is not None else cut(count)


def _folder(settings: Settings, results: str | None, name: str) -> Path:
    """The results folder; what an earlier evaluation left there must not look like ours.

    A deployed run works in a folder that is deleted with it: what is relative is below
    WAA_STATE_DIR there. `oa-vm up` hands an absolute WAA_RESULTS_DIR on to its runs.

    Raises:
        UsageError: it holds something already.
    """
    base = settings.state_dir if runtime.deployment.id else Path()
    if results is None:
        return (base / settings.results_dir.expanduser() / name).absolute()
    folder = (base / Path(results).expanduser()).absolute()
    is_again = (runtime.flow_run.run_count or 0) > 1
    if folder.exists() and not is_again and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty: name a new folder for the results")
    return folder
