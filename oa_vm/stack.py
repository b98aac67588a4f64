"""What a single command needs to run: local Azure and Prefect server, started where missing.

They stay in the background so that the next command is quick; `oa-vm down` stops them. A server
that the user named in PREFECT_API_URL is used as it is, and none is started.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from local_azure import control
from oa_vm import prefect_server
from oa_vm.children import undisturbed
from oa_vm.environment import exported, foreign_prefect, prefect_variables, waa_variables
from oa_vm.output import err
from vmpool.errors import PermanentError
from vmpool.settings import CloudKind, Settings

SEND_WALL_SECONDS = 5.0


def local_status(settings: Settings) -> control.Status | None:
    """The local Azure that runs, None if none does."""
    return control.status(settings.local_state_dir)


def healthy_prefect(settings: Settings) -> str | None:
    """API address of the Prefect server that would be used, None if it does not run yet."""
    server = prefect_server.find(settings)
    if server and prefect_server.is_healthy(settings, server):
        return server.url
    return foreign_prefect()


def ensure_local_azure(settings: Settings) -> bool:
    """Start the local Azure unless it runs or the real one is wanted.

    Returns:
        Whether it was started here.

    Raises:
        PermanentError: it does not start; the message holds the end of its log.
    """
    if settings.cloud is not CloudKind.LOCAL or local_status(settings):
        return False
    settings.make_state_dir()
    try:
        control.launch(settings.local_state_dir, control.Wanted())
    except control.LocalAzureError as error:
        raise PermanentError(str(error)) from error
    return True


def look_ready(settings: Settings) -> None:
    """Have an Azure that can be looked at; a local one that does not run is started, and it said.

    What can't work fails by that look within a second, not after the start of a Prefect server.
    """
    if ensure_local_azure(settings):
        err.print("Local Azure was started in the background; oa-vm down stops it.")


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """Have everything run that a flow needs, and this process set up to use it.

    Yields:
        Prefect's API address.

    Raises:
        PermanentError: something does not start; the message says what.
    """
    _say_what_starts(settings)
    url = foreign_prefect()
    with undisturbed():
        server = None if url else prefect_server.launch(settings)
        ensure_local_azure(settings)
    if server:
        prefect_server.wait_until_healthy(settings, server)
    with configured(settings, url or (server.url if server else "")) as configured_url:
        yield configured_url


@contextmanager
def records(settings: Settings) -> Iterator[str | None]:
    """Have Prefect's records at hand, without any Azure: its server is started where it is missing.

    Yields:
        Prefect's API address, None if nothing was ever recorded.

    Raises:
        PermanentError: the server does not start.
    """
    url = foreign_prefect()
    if not url:
        if not prefect_server.has_records(settings):
            yield None
            return
        if not prefect_server.find(settings):
            err.print("Starting Prefect server in the background; oa-vm down stops it.")
        with undisturbed():
            server = prefect_server.launch(settings)
        prefect_server.wait_until_healthy(settings, server)
        url = server.url
    with configured(settings, url) as configured_url:
        yield configured_url


def _say_what_starts(settings: Settings) -> None:
    missing = []
    if not foreign_prefect() and not prefect_server.find(settings):
        missing.append("Prefect server")
    if settings.cloud is CloudKind.LOCAL and not local_status(settings):
        missing.append("local Azure")
    if missing:
        err.print(f"Starting {' and '.join(missing)} in the background; oa-vm down stops it.")


@contextmanager
def configured(settings: Settings, url: str) -> Iterator[str]:
    """Let Prefect in this process, and the flows' settings, be as given while the block runs.

    Prefect must not have been imported with another address before.
    """
    levels = ("CONSOLE_LEVEL", "DEBUG_LEVEL")  # oa_vm.logs says what matters
    quiet = {f"PREFECT_LOGGING_HANDLERS_{level}": "CRITICAL" for level in levels}
    with exported({**waa_variables(settings), **prefect_variables(settings, url), **quiet}):
        yield url


@contextmanager
def borrowed(settings: Settings) -> Iterator[str]:
    """Like `running`, but what was started for the block is stopped after it.

    Yields:
        Prefect's API address.
    """
    had_prefect = prefect_server.find(settings) is not None
    had_azure = local_status(settings) is not None
    try:
        with running(settings) as url:
            yield url
    finally:
        with undisturbed():
            if not had_prefect:
                if prefect_server.is_alive(settings):
                    _send_what_waits()
                prefect_server.stop(settings)
            if not had_azure:
                control.stop(settings.local_state_dir)


def _send_what_waits() -> None:
    """Have logs and events sent before their server goes: at our exit it is too late."""
    if "prefect" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 # only where it is loaded already
    from prefect.logging.handlers import APILogWorker  # noqa: PLC0415 # same

    for service in (APILogWorker, EventsWorker):
        service.drain_all(timeout=SEND_WALL_SECONDS)
