"""The commands around the pools: `up`, `down`, `demo`, `doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from oa_vm.output import FAILED, out, print_json, table
from vmpool.settings import load_settings


def up(
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=1,
            max=65535,
            metavar="PORT",
            help="Port of the Prefect server and its UI; default 4200.",
        ),
    ] = None,
) -> None:
    """Run Prefect server, local Azure, deployments and a Prefect worker until Ctrl-C."""
    from oa_vm.up import run_up  # noqa: PLC0415 # beside its only use

    raise typer.Exit(run_up(load_settings(), port))


def down(
    force: Annotated[
        bool,
        typer.Option("--force", help="Even if that cuts a run off; its VMs keep their auto-pause."),
    ] = False,
) -> None:
    """Stop what commands started in the background: Prefect server and local Azure."""
    from oa_vm.down import run_down  # noqa: PLC0415 # beside its only use

    run_down(load_settings(), force=force)


def demo(
    workers: Annotated[
        int, typer.Option("--workers", "-n", metavar="N", help="How many VMs the pool gets.")
    ] = 2,
) -> None:
    """Create, pause, resume and delete a pool on the local Azure; leaves no process behind."""
    from oa_vm.demo import run_demo  # noqa: PLC0415 # imports Prefect: 1-2 s

    run_demo(workers)


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document to stdout.")
    ] = False,
) -> None:
    """Check what a first run needs, and say how to mend what is missing."""
    from oa_vm.checkup import check_all  # noqa: PLC0415 # imports Azure's SDK and Prefect

    checks = check_all(load_settings())
    if as_json:
        print_json({"checks": checks})
    else:
        cells = [
            {
                "check": str(check["name"]),
                "": "[green]ok[/]" if check["is_ok"] else "[red]missing[/]",
                "found, and what to do": "; ".join(
                    filter(None, [str(check["detail"]), str(check["mend"])])
                ),
            }
            for check in checks
        ]
        out.print(table("", cells))
    if not all(check["is_ok"] for check in checks):
        raise typer.Exit(FAILED)
