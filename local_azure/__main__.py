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

DEFAULT_SPEED = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    options = _parser().parse_args(arguments)
    if not options.speed > 0:
        return _fail(f"--speed {options.speed:g} is not above 0")
    try:
        return _run(options)
    except (control.LocalAzureError, OSError) as error:
        return _fail(str(error))


def _run(options: argparse.Namespace) -> int:
    if options.command == "serve":
        return _serve(options)
    if options.command == "start":
        wanted = control.Wanted(
            options.port, options.ssh_port, options.speed, options.profile, options.guests
        )
        found = control.launch(options.state, wanted)
        _show(asdict(found), as_json=options.json)
    elif options.command == "stop":
        control.stop(options.state)
    elif options.command == "reset":
        control.reset(options.state)
    elif options.command == "meter":
        _show(control.meter(options.state), as_json=options.json)
    else:
        running = control.status(options.state)
        if running is None:
            return _fail(f"no local Azure runs on {options.state}")
        _show(asdict(running), as_json=options.json)
    return 0


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
            )
        )
    except AlreadyRunningError as error:
        return _fail(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_azure", description=__doc__)
    parser.add_argument("command", choices=["serve", "start", "stop", "status", "reset", "meter"])
    parser.add_argument("--state", type=Path, required=True, help="state folder")
    parser.add_argument("--port", type=int, help="HTTPS port; a free one by default")
    parser.add_argument("--ssh-port", type=int, help="SSH port of the guests; likewise")
    parser.add_argument(
        "--speed", type=float, default=DEFAULT_SPEED, help="cloud seconds per wall second"
    )
    parser.add_argument("--profile", type=Path, help="durations (TOML)")
    parser.add_argument("--guests", choices=KINDS, default=KINDS[0], help="what runs inside VMs")
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
