"""`python -m local_azure`: serve in the foreground, or control a server in the background."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path

from local_azure import control
from local_azure.hosts import KINDS
from local_azure.registries import STORAGES
from local_azure.spans import seconds_of

DEFAULT_SPEED = 60.0
PROCESS = ("serve", "start", "stop", "status", "reset")
BESIDE = ("meter", "clock", "faults", "requests", "hub", "hub-update")
"""What a running server is asked beside Azure's own protocol; see `admin`."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _read_advance(parser, options)
    if not options.speed > 0:
        return _fail(f"--speed {options.speed:g} is not above 0")
    try:
        return _run(options)
    except (control.LocalAzureError, OSError) as error:
        return _fail(str(error))
    except ValueError as error:
        return _fail(f"{options.value!r} cannot be used: {error}")


def _read_advance(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """`clock advance 14d` says the same as `clock 14d`."""
    if options.command == "clock" and options.value == "advance":
        if options.span is None:
            parser.error("clock advance: by how much? Like 90m, 2h or 14d")
        options.value = options.span
    elif options.span is not None:
        parser.error(f"unrecognized argument: {options.span}")


def _run(options: argparse.Namespace) -> int:
    if options.command == "serve":
        return _serve(options)
    if options.command == "start":
        wanted = control.Wanted(
            options.port,
            options.ssh_port,
            options.speed,
            options.profile,
            options.guests,
            options.registries,
        )
        found = control.launch(options.state, wanted)
        _show(asdict(found), as_json=options.json)
    elif options.command == "stop":
        control.stop(options.state)
    elif options.command == "reset":
        control.reset(options.state)
    elif options.command == "status":
        _show(asdict(_running(options.state)), as_json=options.json)
    else:
        _ask(options)
    return 0


def _ask(options: argparse.Namespace) -> None:
    """Use what the server offers beside Azure; the answer is a JSON document."""
    path, body = f"/_local/{options.command}", None
    method = "GET" if options.value is None else "POST"
    if options.command == "hub-update":
        path, method, body = "/_local/hub", "POST", {"image": options.value or ""}
    elif options.command == "clock" and options.value is not None:
        body = {"advance": seconds_of(options.value)}
    elif options.command == "faults" and options.value == "clear":
        method = "DELETE"
    elif options.value is not None:
        body = json.loads(options.value)
    _show(control.ask(_running(options.state), method, path, body), as_json=True)


def _running(state: Path) -> control.Status:
    running = control.status(state)
    if running is None:
        raise control.LocalAzureError(f"no local Azure runs on {state}")
    return running


def _serve(options: argparse.Namespace) -> int:
    from local_azure.server import AlreadyRunningError, Options, serve  # noqa: PLC0415 # 0.5 s

    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        serve(
            Options(
                options.state,
                options.port,
                options.ssh_port,
                options.speed,
                options.profile,
                options.guests,
                options.registries,
            )
        )
    except AlreadyRunningError as error:
        return _fail(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_azure", description=__doc__)
    parser.add_argument("command", choices=[*PROCESS, *BESIDE])
    parser.add_argument(
        "value",
        nargs="?",
        help="of clock: `advance`; of faults: a JSON object, or `clear`; of hub-update: the image"
        " whose tag gets new content",
    )
    parser.add_argument("span", nargs="?", help="of clock advance: seconds, or like 90m, 2h, 14d")
    parser.add_argument("--state", type=Path, required=True, help="state folder")
    parser.add_argument("--port", type=int, help="HTTPS port; a free one by default")
    parser.add_argument("--ssh-port", type=int, help="SSH port of the guests; likewise")
    parser.add_argument(
        "--speed", type=float, default=DEFAULT_SPEED, help="cloud seconds per wall second"
    )
    parser.add_argument("--profile", type=Path, help="durations (TOML)")
    parser.add_argument("--guests", choices=KINDS, default=KINDS[0], help="what runs inside VMs")
    parser.add_argument(
        "--registries",
        choices=STORAGES,
        default=STORAGES[0],
        help="what keeps container registries' content",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document to stdout")
    return parser


def _show(document: dict[str, object], *, as_json: bool) -> None:
    hidden = {"client_secret", "admin_token"}
    if as_json:
        print(json.dumps(document, indent=1))  # noqa: T201 # what the command is for
        return
    for name, value in document.items():
        if name not in hidden:
            print(f"{name}: {value}")  # noqa: T201 # same


def _fail(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201 # same
    return 1


if __name__ == "__main__":
    sys.exit(main())
