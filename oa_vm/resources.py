"""`oa-vm resources`: every resource of ours in the subscription, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oa_vm.options import Json
from oa_vm.output import out, print_json
from vmpool.settings import load_settings


def resources(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where it is written too.")
    ] = Path("RESOURCES.md"),
    hook: Annotated[
        bool,
        typer.Option("--hook", help="Only a line for each pool that costs; for start-up hooks."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every resource of ours in the subscription with its cost, and write RESOURCES.md."""
    if hook:
        from oa_vm.hook import run_hook  # noqa: PLC0415 # beside its only use

        run_hook()
    settings = load_settings()
    from oa_vm.resource_views import check_ours, print_resources, write  # noqa: PLC0415 # for speed
    from vmpool.arm.clients import connect  # noqa: PLC0415 # imports Azure's SDK: --help is quick
    from vmpool.arm.inventory import inventory  # noqa: PLC0415 # same
    from vmpool.holdings import document  # noqa: PLC0415 # same

    check_ours(output)
    cloud = connect(settings)
    found = document(inventory(cloud), cloud.clock.now())
    write(found, output)
    if as_json:
        print_json(found)
        return
    print_resources(found)
    out.print(f"written to {output}")
