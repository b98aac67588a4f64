"""`oa-vm local`: the embedded Azure as a process. Uses only its public controls."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from local_azure import control
from local_azure.spans import seconds_of
from oa_vm.output import out, print_json, table
from vmpool.errors import CloudUnreachableError, UsageError
from vmpool.settings import load_settings
from vmpool.tags import format_time

app = typer.Typer(
    help="The local Azure, which plays Azure on this machine: start it, stop it, look inside.",
    no_args_is_help=True,
)

clock_app = typer.Typer(help="Its clock: show it, or move it on.")
app.add_typer(clock_app, name="clock")

State = Annotated[
    Path | None, typer.Option("--state", help="Where it keeps its state; default in WAA_STATE_DIR.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]


@app.command()
def start(
    port: Annotated[
        int | None, typer.Option("--port", help="HTTPS port; default a free one.")
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", help="Cloud seconds that pass in one real second.")
    ] = 60.0,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Start the local Azure in the background; one that runs already is left alone."""
    if not speed > 0:
        raise UsageError(f"--speed {speed:g} is not above 0")
    if state is None:
        load_settings().make_state_dir()
    _print(control.start(_folder(state), port=port, speed=speed), as_json=as_json)


@app.command()
def stop(state: State = None) -> None:
    """Stop it; its clock stands still and everything that it holds is kept."""
    control.stop(_folder(state))
    out.print("The local Azure is stopped; its state is kept.")


@app.command()
def status(state: State = None, as_json: Json = False) -> None:
    """Show where it is and how any Azure client signs in."""
    _print(_running(state), as_json=as_json)


@app.command()
def reset(state: State = None) -> None:
    """Stop it and forget everything that it holds, without asking."""
    control.reset(_folder(state))
    out.print("The local Azure is reset: it holds nothing.")


@app.command()
def meter(state: State = None, as_json: Json = False) -> None:
    """Show what every resource has truly cost so far, by the local Azure's own meter."""
    document = control.meter(_folder(state))
    if as_json:
        print_json(document)
        return
    rows = [
        {
            "resource": item["id"].rpartition("/")[2],
            "type": item["type"].rpartition("/")[2],
            "pool": item["pool"] or "-",
            "USD": f"{item['usd']:.4f}",
            "USD/h": f"{item['usd_per_hour']:.4f}",
        }
        for item in document["resources"]
    ]
    if rows:
        out.print(table("", rows, numeric=("USD", "USD/h")))
    out.print(f"{document['total_usd']:.4f} USD so far, {document['usd_per_hour']:.4f} USD an hour")


@clock_app.callback(invoke_without_command=True)
def clock(context: typer.Context, state: State = None, as_json: Json = False) -> None:
    """Show the local Azure's clock, by which timers fire and money is counted."""
    if context.invoked_subcommand is None:
        _print_clock(control.ask(_running(state), "GET", "/_local/clock"), as_json=as_json)


@clock_app.command()
def advance(
    span: Annotated[str, typer.Argument(metavar="SPAN", help="Like 90m, 2h, 14d or 3600.")],
    state: State = None,
    as_json: Json = False,
) -> None:
    """Move the clock on; all that is due on the way happens, in order."""
    try:
        seconds = seconds_of(span)
    except ValueError as error:
        raise UsageError(f"{span!r}: {error}") from error
    found = control.ask(_running(state), "POST", "/_local/clock", {"advance": seconds})
    _print_clock(found, as_json=as_json)


def _running(state: Path | None) -> control.Status:
    found = control.status(_folder(state))
    if found is None:
        raise CloudUnreachableError("the local Azure is not running: oa-vm local start")
    return found


def _print_clock(found: dict[str, Any], *, as_json: bool) -> None:
    moment = datetime.fromtimestamp(found["now"], UTC)
    if as_json:
        print_json({"now": format_time(moment), "speed": found["speed"]})
        return
    out.print(f"{moment:%F %T} UTC, {found['speed']:g} times as fast as the wall's")


def _folder(state: Path | None) -> Path:
    return state or load_settings().local_state_dir


def _print(found: control.Status, *, as_json: bool) -> None:
    document = asdict(found)
    if as_json:
        print_json(document)
        return
    hidden = {"client_secret", "admin_token"}
    rows = [{"": key, "value": str(v)} for key, v in document.items() if key not in hidden]
    out.print(table("Local Azure", rows))
