"""The `image-*` commands."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from oa_vm.image_views import print_images, print_pull, print_push
from oa_vm.options import DryRun, Json, Pool, Region, Size, Yes
from oa_vm.output import ask_to_delete, out, print_json
from oa_vm.run import run_flow
from oa_vm.views import print_budgets, print_status
from vmpool.golden import ImageState
from vmpool.settings import Settings, load_settings


class Builder(StrEnum):
    """Who builds the Docker image that is pushed."""

    WORKER = "worker"
    ACR = "acr"


def image_create(
    without_windows: Annotated[
        bool, typer.Option("--without-windows", help="Leave Windows to each VM's first boot.")
    ] = False,
    from_worker: Annotated[
        str | None,
        typer.Option("--from-worker", metavar="NAME", help="Use up this worker instead of a VM."),
    ] = None,
    size: Size = None,
    region: Region = None,
    yes: Yes = False,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Bake a golden image on a VM of its own; a canary proves it before any pool uses it."""
    settings = load_settings()
    images = _listed(settings)
    if dry_run:
        current = _current(images)
        old = f"{current['name']} becomes previous" if current else "it is the first"
        budgets = _bake_budgets(settings, size, region)
        if as_json:
            print_json({"replaces": current, "budgets": budgets})
            return
        how = "without" if without_windows else "with"
        out.print(f"A new image would be baked {how} Windows; {old}.")
        print_budgets(budgets)
        return
    if from_worker and not yes:
        ask_to_delete("image-create", f"Use up worker {from_worker}, and delete it?")
    parameters = {
        "with_windows": not without_windows,
        "sizes": size,
        "regions": region,
        "from_worker": from_worker,
    }
    print_images(run_flow(settings, "image-create", parameters), as_json=as_json)


def _bake_budgets(
    settings: Settings, size: list[str] | None, region: list[str] | None
) -> list[dict[str, Any]]:
    """What the budgets say of a bake."""
    from oa_vm.budget_preview import budget_figures  # noqa: PLC0415 # imports Azure's SDK
    from vmpool.model import Place  # noqa: PLC0415 # beside its only use
    from vmpool.naming import BAKE_HOURS  # noqa: PLC0415 # same

    first = Place((size or settings.sizes)[0], (region or settings.regions)[0])
    return budget_figures(settings, [first], (), BAKE_HOURS)


def image_refresh(as_json: Json = False, dry_run: DryRun = False) -> None:
    """Bake a new golden image if what goes into it has changed since the last."""
    settings = load_settings()
    images = _listed(settings)
    current = _current(images)
    up_to_date = current["name"] if current and not current["is_stale"] else ""
    if dry_run or up_to_date:
        if as_json:
            print_json({"is_due": not up_to_date, **images})
        else:
            out.print(f"{up_to_date} is up to date." if up_to_date else "A new image is due.")
        return
    print_images(run_flow(settings, "image-refresh", {}), as_json=as_json)


def image_list(as_json: Json = False) -> None:
    """Show the golden images; asks Azure directly, Prefect need not run."""
    from oa_vm.preview import list_our_images  # noqa: PLC0415 # imports Azure's SDK

    print_images(list_our_images(load_settings()), as_json=as_json)


def image_push(
    builder: Annotated[
        Builder, typer.Option("--builder", help="Take it from a worker, or have Azure build it.")
    ] = Builder.WORKER,
    pool: Pool = None,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Put the Docker image into the registry, so that no other VM need build it."""
    settings = load_settings(pool=pool)
    images = _listed(settings)
    if dry_run:
        print_push(images, as_json=as_json)
        return
    parameters = {"pool": settings.pool, "builder": builder.value}
    print_images(run_flow(settings, "image-push", parameters), as_json=as_json)


def image_pull(pool: Pool = None, as_json: Json = False, dry_run: DryRun = False) -> None:
    """Bring the registry's Docker image onto every running worker."""
    settings = load_settings(pool=pool)
    images = _listed(settings)
    if dry_run:
        print_pull(images, settings.pool, as_json=as_json)
        return
    print_status(run_flow(settings, "image-pull", {"pool": settings.pool}), as_json=as_json)


def image_delete(
    name: Annotated[str, typer.Argument(help="The image's name, as image-list shows it.")],
    yes: Yes = False,
    as_json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Delete a golden image; pools that were made from it go on."""
    from vmpool.errors import NotFoundError  # noqa: PLC0415 # beside its only use

    settings = load_settings()
    images = _listed(settings)
    found = next((image for image in images["images"] if image["name"] == name), None)
    if found is None:
        raise NotFoundError(f"no image {name!r}: oa-vm image-list shows those that there are")
    if dry_run:
        print_json({"deleted": found}) if as_json else out.print(f"{name} would be deleted.")
        return
    if not yes:
        ask_to_delete("image-delete", f"Delete image {name} ({found['state']})?")
    print_images(run_flow(settings, "image-delete", {"name": name}), as_json=as_json)


def _listed(settings: Settings) -> dict[str, Any]:
    """The images before anything is changed; a local Azure that does not run is started."""
    from oa_vm.preview import list_our_images  # noqa: PLC0415 # imports Azure's SDK
    from oa_vm.stack import look_ready  # noqa: PLC0415 # --help is quick without it

    look_ready(settings)
    return list_our_images(settings)


def _current(images: dict[str, Any]) -> dict[str, Any] | None:
    state = ImageState.CURRENT.value
    return next((image for image in images["images"] if image["state"] == state), None)
