"""Pure: why a phase on a guest failed or took too long, as a page for whoever has no shell."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from vmpool.masking import masked, plain
from vmpool.model import Phase
from vmpool.naming import worker_index
from vmpool.timing import minutes

LOOKED_AT = frozenset(
    {
        Phase.PREPARE_DOCKER,
        Phase.PULL_IMAGE,
        Phase.BUILD_IMAGE,
        Phase.START_WAA,
        Phase.WAIT_FOR_WAA,
        Phase.OPEN_TUNNEL,
        Phase.POWER_OFF_WINDOWS,
    }
)
"""Phases that stand on a guest that SSH has reached, and have to do with Docker and Windows."""
LEAST_OVER_SECONDS = 30.0
"""Cloud seconds over p95 before anybody is sent to look: of a phase that takes three seconds, one
run in twenty takes four."""
MOST_LOG = 20_000
"""Characters of the log: with a picture of 120 kB the artifact stays below 200 kB."""
MOST_LIST = 4_000
"""Characters of the list of containers."""


@dataclass(frozen=True)
class Occasion:
    """Why a guest is looked at.

    Attributes:
        worker: worker name.
        phase: which phase.
        at: when (cloud time).
        seconds: cloud seconds since the phase began.
        error: why it failed, "" if it did not.
        p95: cloud seconds that it is over, None if it failed.
        is_running: whether it still runs.
    """

    worker: str
    phase: Phase
    at: datetime
    seconds: float
    error: str = ""
    p95: float | None = None
    is_running: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether the phase failed; else it took too long."""
        return self.p95 is None

    @property
    def headline(self) -> str:
        """One line: who, which phase, what happened."""
        took = f"{self.worker}: {self.phase}"
        if self.p95 is None:
            return f"{took} failed after {minutes(self.seconds)} min"
        verb = "runs for" if self.is_running else "took"
        return f"{took} {verb} {minutes(self.seconds)} min, over its p95 of {minutes(self.p95)}"


def key(worker: str) -> str:
    """Key of a worker's artifact."""
    return f"{worker}-evidence"


def see(workers: Iterable[str]) -> str:
    """`see the artifact waa-pool-00-evidence in the Prefect UI`, "" for nobody."""
    keys = [key(worker) for worker in sorted(workers)]
    if not keys:
        return ""
    return f"see the artifact{'s' if len(keys) > 1 else ''} {', '.join(keys)} in the Prefect UI"


@dataclass(frozen=True)
class Exhibit:
    """What was found on the guest.

    Attributes:
        containers: the list of containers.
        log: end of the Windows container's log, None if there is no such container.
        screen: PNG of Windows' screen, b"" if there is none.
        blind: why there is none, one line.
    """

    containers: str
    log: str | None
    screen: bytes
    blind: str


def page(pool: str, occasion: Occasion, found: Exhibit) -> str:
    """The page, as markdown.

    Args:
        pool: the pool's name.
        occasion: why the guest was looked at.
        found: what was there.
    """
    said = masked(_one_line(occasion.error))
    parts = [
        f"# {occasion.headline}",
        f"{occasion.at:%Y-%m-%d %H:%M:%S} UTC, the cloud's time." + (f" {said}" if said else ""),
        _screen(found),
        f"Containers on the VM:\n\n{_block(_tail(found.containers, MOST_LIST))}",
        _log(found),
        _further(pool, occasion.worker),
    ]
    return "\n\n".join(part for part in parts if part)


def _screen(found: Exhibit) -> str:
    if found.screen:
        data = base64.b64encode(found.screen).decode()
        return f"Windows' screen:\n\n![Windows' screen](data:image/png;base64,{data})"
    if found.blind:
        return f"There is no picture of Windows' screen: {masked(_one_line(found.blind))}"
    return ""


def _log(found: Exhibit) -> str:
    if found.log is None:
        return "There is no Windows container on the VM."
    return f"The end of the Windows container's log:\n\n{_block(_tail(found.log, MOST_LOG))}"


def _further(pool: str, worker: str) -> str:
    which = f"{worker_index(worker)} --pool {pool}"
    return (
        "While the VM runs, there is more to see with "
        f"`oa-vm pool-logs {which}`, `oa-vm pool-vnc {which}` and `oa-vm pool-ssh {which}`."
    )


def _one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _tail(text: str, most: int) -> str:
    """The end of an output, whole lines only, without colours and secrets."""
    shown = masked(plain(text)).strip("\n")
    return shown if len(shown) <= most else shown[-most:].partition("\n")[2]


def _block(text: str) -> str:
    """A fenced block, with a fence that does not occur in it."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text or '(nothing)'}\n{fence}"
