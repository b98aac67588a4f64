"""The `pool-*` commands."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from oa_vm.guard import warn_of_no_guard
from oa_vm.options import DryRun, GoldenImage, Hours, Json, MinReady, Pool, Region, Size, Yes
from oa_vm.output import ask_to_delete, err, out, print_json
from oa_vm.run import run_flow
from oa_vm.views import print_plan, print_status
from vmpool.errors import NotFoundError
from vmpool.idle import IdleRules
from vmpool.imaging import AUTO
from vmpool.model import Observed, PoolSpec
from vmpool.plan import (
    check_spec,
    kept_as_they_are,
    plan_cleanup,
    plan_create,
    plan_pause,
    plan_resume,
)
from vmpool.settings import Settings, load_settings
from vmpool.status import document, no_pool


def pool_create(
    workers: Annotated[
        int,
        typer.Option(
            "--workers", "-n", metavar="N", help="How many VMs the pool shall have, 1 to 100."
        ),
    ] = 1,
    size: Size = None,
    region: Region = None,
    image: GoldenImage = AUTO,
    auto_pause_hours: Hours = None,
    min_ready: MinReady = None,
    pool: Pool = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Create a pool of VMs and bring every one to ready; completes one that is half made."""
    settings = load_settings(pool=pool)
    hours = settings.auto_pause_hours if auto_pause_hours is None else auto_pause_hours
    spec = PoolSpec(
        name=settings.pool,
        workers=workers,
        sizes=tuple(size or settings.sizes),
        regions=tuple(region or settings.regions),
        auto_pause_hours=hours,
        min_ready=workers if min_ready is None else min_ready,
    )
    check_spec(spec)
    observed = look_first(settings)
    if dry_run:
        from oa_vm.budget_preview import budget_figures  # noqa: PLC0415 # imports Azure's SDK
        from oa_vm.preview import described, new_places, with_image  # noqa: PLC0415 # same

        kept = kept_as_they_are(observed, size or (), region or (), image if image != AUTO else "")
        if kept:
            err.print(f"[yellow]warning:[/] {kept}")
        spec, actions = with_image(settings, spec, image), plan_create(spec, observed)
        places = new_places(settings, spec, actions)
        old = [worker for worker in observed.workers if worker.name not in places]
        budgets = budget_figures(settings, list(places.values()), old, hours)
        print_plan(settings.pool, actions, described(places, spec), budgets, as_json=as_json)
        return
    parameters = {
        "pool": spec.name,
        "workers": spec.workers,
        "sizes": size,
        "regions": region,
        "auto_pause_hours": spec.auto_pause_hours,
        "min_ready": spec.min_ready,
        "image": image,
    }
    _print_guarded(settings, run_flow(settings, "pool-create", parameters), as_json=as_json)


def pool_resume(
    auto_pause_hours: Hours = None,
    min_ready: MinReady = None,
    pool: Pool = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Bring every VM of a paused (or half running) pool to ready by the shortest path."""
    settings = load_settings(pool=pool)
    observed = _existing(settings)
    if dry_run:
        from oa_vm.budget_preview import budget_figures  # noqa: PLC0415 # imports Azure's SDK

        hours = settings.auto_pause_hours if auto_pause_hours is None else auto_pause_hours
        budgets = budget_figures(settings, (), observed.workers, hours)
        print_plan(settings.pool, plan_resume(observed), budgets=budgets, as_json=as_json)
        return
    parameters = {
        "pool": settings.pool,
        "auto_pause_hours": auto_pause_hours,
        "min_ready": min_ready,
    }
    _print_guarded(settings, run_flow(settings, "pool-resume", parameters), as_json=as_json)


def pool_pause(pool: Pool = None, as_json: Json = False, dry_run: DryRun = False) -> None:
    """Power Windows off in order and deallocate every VM: only disks and addresses cost on."""
    settings = load_settings(pool=pool)
    observed = _existing(settings)
    if dry_run:
        print_plan(settings.pool, plan_pause(observed), as_json=as_json)
        return
    print_status(run_flow(settings, "pool-pause", {"pool": settings.pool}), as_json=as_json)


def pool_cleanup(
    yes: Yes = False,
    pool: Pool = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Delete a pool with all its VMs, disks and data."""
    settings = load_settings(pool=pool)
    observed = _existing(settings)
    if dry_run:
        print_plan(settings.pool, plan_cleanup(observed), as_json=as_json)
        return
    if not yes:
        count = len(observed.workers)
        whose = f"its {count} worker{'s' if count > 1 else ''}" if count else "its parts"
        question = f"Delete pool {observed.pool} with {whose} and all their data?"
        ask_to_delete("pool-cleanup", question)
    print_status(run_flow(settings, "pool-cleanup", {"pool": settings.pool}), as_json=as_json)


def pool_extend(
    hours: Annotated[float, typer.Option("--hours", metavar="HOURS", help="Hours to add.")] = 1.0,
    pool: Pool = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Give a running pool more time until auto-pause."""
    from vmpool import lifetime  # noqa: PLC0415 # beside its only use
    from vmpool.tags import format_time  # noqa: PLC0415 # beside its only use

    settings = load_settings(pool=pool)
    observed = _existing(settings)
    due = lifetime.extended(observed, observed.at, hours)
    if dry_run:
        planned = {"pool": settings.pool, "auto_pause_at": format_time(due)}
        print_json(planned) if as_json else out.print(f"auto-pause would move to {due:%F %T} UTC")
        return
    parameters = {"pool": settings.pool, "hours": hours}
    print_status(run_flow(settings, "pool-extend", parameters), as_json=as_json)


def pool_keep(
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="End the exemption with --no-keep.")
    ] = True,
    pool: Pool = None,
    as_json: Json = False,
) -> None:
    """Exempt a pool from being deleted after lying paused for two weeks."""
    settings = load_settings(pool=pool)
    _existing(settings)
    parameters = {"pool": settings.pool, "keep": keep}
    print_status(run_flow(settings, "pool-keep", parameters), as_json=as_json)


def pool_status(pool: Pool = None, as_json: Json = False) -> None:
    """Show what a pool is now; asks Azure directly, Prefect need not run."""
    settings = load_settings(pool=pool)
    _print_guarded(settings, document(_observe(settings), IdleRules.of(settings)), as_json=as_json)


def _print_guarded(settings: Settings, status: dict[str, Any], *, as_json: bool) -> None:
    """The status, with a warning when nothing would pause what it shows."""
    warn_of_no_guard(settings, status)
    print_status(status, as_json=as_json)


def _observe(settings: Settings) -> Observed:
    from oa_vm.preview import observe_pool  # noqa: PLC0415 # imports Azure's SDK: --help is quick

    return observe_pool(settings)


def look_first(settings: Settings) -> Observed:
    """The pool before anything is changed; a local Azure that does not run is started."""
    from oa_vm.stack import look_ready  # noqa: PLC0415 # --help is quick without it

    look_ready(settings)
    return _observe(settings)


def _existing(settings: Settings) -> Observed:
    """The pool before anything is changed, which must exist."""
    observed = look_first(settings)
    if observed.is_absent:
        raise NotFoundError(no_pool(settings.pool))
    return observed
