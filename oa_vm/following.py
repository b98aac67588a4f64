"""The Windows container's log as it comes: `pool-logs`."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from oa_vm.output import give_up, has_reader
from vmpool.errors import PermanentError
from vmpool.guest.connection import Address
from vmpool.guest.docker import DOCKER
from vmpool.guest.stream import Source, stream
from vmpool.guest.windows import CONTAINER


def show_log(worker: str, address: Address, tail: int | None, *, is_followed: bool) -> None:
    """Print the log of the Windows container; Docker's own words, to the outputs that it chose.

    Args:
        worker: whose.
        address: where it is.
        tail: at most so many lines of the past; all when None.
        is_followed: go on until Ctrl-C, until the container ends, or until nobody reads any more.

    Raises:
        PermanentError: there is no container.
        GuestUnreachableError: the VM can't be reached or was lost.
    """
    options = [] if tail is None else ["--tail", str(tail)]
    options += ["--follow"] if is_followed else []
    with _ended_by_ctrl_c(is_wanted=is_followed) as end:
        argv = [*DOCKER, "logs", *options, CONTAINER]
        code = stream(
            address,
            argv,
            lambda source, data: _write(source, data, end),
            lambda: end.is_set() or not has_reader(sys.stdout),
        )
    if code:
        raise PermanentError(
            f"{worker} has no log of Windows (docker logs: exit code {code}): "
            "oa-vm pool-resume starts the container"
        )


def _write(source: Source, data: bytes, end: threading.Event) -> None:
    to = sys.stdout if source is Source.OUT else sys.stderr
    try:
        to.buffer.write(data)
        to.buffer.flush()
    except OSError:  # nobody reads any more: `| head` has seen enough
        end.set()
        give_up(to)


@contextmanager
def _ended_by_ctrl_c(*, is_wanted: bool) -> Iterator[threading.Event]:
    """An event that Ctrl-C sets: the usual end of what is followed, not a failure."""
    end = threading.Event()
    if not is_wanted:
        yield end
        return
    before = signal.signal(signal.SIGINT, lambda *_: end.set())
    try:
        yield end
    finally:
        signal.signal(signal.SIGINT, before)
