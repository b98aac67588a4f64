"""Long-running operations: accepted now, waited for later, so that many can run side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from azure.core.polling import LROPoller

from vmpool.arm.clients import Cloud
from vmpool.arm.errors import translated
from vmpool.arm.rest import at_once
from vmpool.errors import NotFoundError, PhaseTimeoutError, VmPoolError

T = TypeVar("T")

STEP_CLOUD_SECONDS = 600.0
"""Limit for operations on parts: they take seconds, but a NIC is kept back for three minutes."""
FEWEST_WALL_SECONDS = 30.0
"""A limit in cloud seconds is never shorter than this on the wall: real work must fit."""


class Poller(Protocol):
    """What tells how far something is: Azure's own poller, or `Settling`."""

    def done(self) -> bool:
        """Whether it has ended, well or not."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the end, at most `timeout` wall seconds."""


@dataclass
class Operation:
    """Something that Azure has accepted and is doing.

    Attributes:
        what: what it does, for messages.
    """

    what: str
    _poller: Poller | None = field(default=None, repr=False)

    def is_done(self) -> bool:
        """Whether Azure has finished, well or not."""
        return self._poller is None or self._poller.done()

    def wait(self, timeout_seconds: float) -> None:
        """Wait for the end.

        Args:
            timeout_seconds: wall seconds; the operation itself goes on in Azure.

        Raises:
            PhaseTimeoutError: not done in time.
            VmPoolError: it failed.
        """
        if self._poller is None:
            return
        with translated(self.what):
            self._poller.wait(timeout_seconds)
        if not self._poller.done():
            raise PhaseTimeoutError(f"{self.what}: not done after {timeout_seconds:.0f} s")


def begin(what: str, start: Callable[[], LROPoller[Any]]) -> Operation:
    """Have Azure accept an operation.

    Args:
        what: what it does, for messages.
        start: calls the SDK's `begin_...`.

    Raises:
        VmPoolError: Azure refused.
    """
    with translated(what):
        return Operation(what, start())


def begin_unless_gone(what: str, start: Callable[[], LROPoller[Any]]) -> Operation:
    """Like `begin`, but what does not exist is as good as done: for deletes."""
    try:
        return begin(what, start)
    except NotFoundError:
        return Operation(what)


def run_all(cloud: Cloud, starts: Sequence[Callable[[], Operation]], cloud_seconds: float) -> None:
    """Begin all, then wait for all; one failure does not keep the others from their end.

    Args:
        cloud: its speed turns the limit into wall seconds.
        starts: begin one operation each.
        cloud_seconds: limit for all together.

    Raises:
        VmPoolError: the first failure.
    """
    limit = max(cloud.clock.wall_seconds(cloud_seconds), FEWEST_WALL_SECONDS)
    deadline = time.monotonic() + limit
    failures: list[VmPoolError] = []
    begun = at_once([partial(_attempt, start, failures) for start in starts])
    for operation in begun:
        if operation:
            left = max(deadline - time.monotonic(), 0.0)
            _attempt(partial(operation.wait, left), failures)
    if failures:
        raise failures[0]


def _attempt(call: Callable[[], T], failures: list[VmPoolError]) -> T | None:
    try:
        return call()
    except VmPoolError as error:
        failures.append(error)
        return None
