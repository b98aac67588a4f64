"""`oa-vm down`, and the lock by which it finds an `oa-vm up` and two of them exclude each other."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from local_azure import control
from oa_vm import prefect_server, stack
from oa_vm.output import say
from vmpool.errors import PermanentError, UsageError
from vmpool.settings import Settings

POLL_WALL_SECONDS = 0.5
UP_ENDS_WALL_SECONDS = 60.0


def run_down(settings: Settings, *, force: bool = False) -> None:
    """Stop what runs in the background, and an `oa-vm up` that runs elsewhere.

    Args:
        settings: as read.
        force: even if that cuts a run off.

    Raises:
        PermanentError: a run works on a pool, or nobody can say whether one does.
    """
    if not force:
        _refuse_to_cut_off(settings)
    stopped = ["oa-vm up"] if _end_other_up(settings) else []
    if prefect_server.stop(settings):
        stopped.append("Prefect server")
    if stack.local_status(settings):
        control.stop(settings.local_state_dir)
        stopped.append("local Azure")
    say(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


def _refuse_to_cut_off(settings: Settings) -> None:
    server = prefect_server.find(settings)
    if not server or prefect_server.refuses(server.url):
        return
    held = _held_pools(settings, server.url)
    if held:
        runs = ", ".join(f"'{run.name}'" for run in held.values())
        first = next(iter(held.values())).id
        raise PermanentError(
            f"run {runs} would be cut off: wait for it, cancel it (Ctrl-C where it was typed, or "
            f"prefect flow-run cancel {first}), or oa-vm down --force"
        )


def _held_pools(settings: Settings, url: str) -> dict[str, Any]:
    """The run on each pool that one works on; what cannot be asked is not taken for nothing."""
    with stack.configured(settings, url):
        from prefect.exceptions import PrefectException  # noqa: PLC0415 # after its variables

        from tasks.locking import held_pools  # noqa: PLC0415 # same

        try:
            return asyncio.run(held_pools())
        except (PrefectException, httpx.HTTPError) as error:
            raise PermanentError(
                "the Prefect server does not answer, so nobody knows what runs: try again, "
                "or oa-vm down --force"
            ) from error


def _end_other_up(settings: Settings) -> bool:
    file = settings.state_dir / "up.lock"
    try:
        with only_one(settings):
            return False
    except UsageError:
        os.kill(int(file.read_text()), signal.SIGTERM)
    deadline = time.monotonic() + UP_ENDS_WALL_SECONDS
    while time.monotonic() < deadline:
        with suppress(UsageError), only_one(settings):
            return True
        time.sleep(POLL_WALL_SECONDS)
    raise PermanentError(f"oa-vm up (process {file.read_text()}) does not end")


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the lock of `oa-vm up`.

    Raises:
        UsageError: another one runs.
    """
    settings.make_state_dir()
    with (settings.state_dir / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError("oa-vm up runs already: oa-vm down ends it") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
