"""Commands for a look inside a running pool. None of them starts, makes or bills anything."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from oa_vm.options import Json, Pool
from vmpool.errors import PermanentError
from vmpool.settings import load_settings

WORKER_HELP = "0, 00 or waa-pool-00."
Worker = Annotated[str, typer.Argument(metavar="WORKER", help=WORKER_HELP)]


def pool_tunnel(
    workers: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORKER", help=f"{WORKER_HELP} Default all that run."),
    ] = None,
    pool: Pool = None,
    as_json: Json = False,
) -> None:
    """Hold tunnels to WAA servers and desktops open until Ctrl-C."""
    from oa_vm.holding import hold_all  # noqa: PLC0415 # imports Azure's SDK: --help is quick

    hold_all(load_settings(pool=pool), workers or [], as_json=as_json)


def pool_vnc(worker: Worker, pool: Pool = None, as_json: Json = False) -> None:
    """Print the address of a worker's Windows desktop; it works until Ctrl-C."""
    from oa_vm.holding import hold_desktop  # noqa: PLC0415 # as above

    hold_desktop(load_settings(pool=pool), worker, as_json=as_json)


def pool_logs(
    worker: Worker,
    tail: Annotated[
        int | None,
        typer.Option("--tail", min=0, metavar="N", help="Only so many lines of the past."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    pool: Pool = None,
) -> None:
    """Print the log of a worker's Windows container."""
    from oa_vm.following import show_log  # noqa: PLC0415 # as above
    from oa_vm.reach import reach_one  # noqa: PLC0415 # as above

    name, address = reach_one(load_settings(pool=pool), worker)
    show_log(name, address, tail, is_followed=follow)


def pool_ssh(
    worker: Worker,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND", help="After --: words for the worker's shell, as ssh takes them."
        ),
    ] = None,
    pool: Pool = None,
) -> None:
    """Open an SSH session on a worker, or run a command there; its exit code is passed on."""
    from oa_vm.openssh import run_ssh  # noqa: PLC0415 # as above
    from oa_vm.reach import reach_one  # noqa: PLC0415 # as above

    _, address = reach_one(load_settings(pool=pool), worker)
    raise typer.Exit(run_ssh(address, command or []))


def pool_exec(
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND", help="After --: program and arguments, as they are."),
    ],
    worker: Annotated[
        list[str] | None,
        typer.Option(
            "--worker",
            "-w",
            metavar="WORKER",
            help=f"{WORKER_HELP} May be repeated; default all that run.",
        ),
    ] = None,
    container: Annotated[
        bool, typer.Option("--container", help="Inside the Windows container (docker exec).")
    ] = False,
    pool: Pool = None,
    as_json: Json = False,
) -> None:
    """Run a program on every running worker at once; exit code 1 if it fails on any."""
    from oa_vm.everywhere import run_everywhere  # noqa: PLC0415 # as above
    from oa_vm.output import err  # noqa: PLC0415 # beside its only use
    from oa_vm.reach import reach  # noqa: PLC0415 # as above
    from vmpool.guest.docker import DOCKER  # noqa: PLC0415 # as above
    from vmpool.guest.windows import CONTAINER  # noqa: PLC0415 # as above

    found = reach(load_settings(pool=pool), worker or [])
    for why in found.left_out.values():
        err.print(why, markup=False)
    argv = [*DOCKER, "exec", CONTAINER, *command] if container else command
    outcomes = run_everywhere(found.addresses, argv, shown=not as_json)
    if as_json:
        documents = [outcome.document(name) for name, outcome in outcomes.items()]
        sys.stdout.write(json.dumps(documents, indent=2) + "\n")
    failed = [f"{name} ({item.trouble})" for name, item in outcomes.items() if item.trouble]
    if failed:
        raise PermanentError(f"failed on {len(failed)} of {len(outcomes)}: {', '.join(failed)}")
