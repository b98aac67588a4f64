"""Recorded runs made by hand: what the phases of each way to ready say of themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vmpool.history import Run, run_of
from vmpool.model import Phase
from vmpool.scenario import image_note
from vmpool.timing import Span

START = datetime(2026, 1, 1, tzinfo=UTC)
POOL, WORKER = "p1", "p1-00"
THERE = "was there"
IMAGE = image_note("waa-1", has_windows=False)
WINDOWS = image_note("waa-1", has_windows=True)
DOCKER = (Phase.PREPARE_DOCKER, Phase.PULL_IMAGE, Phase.BUILD_IMAGE)

Step = tuple[Phase, str, float]
"""A phase, what it says of itself, its seconds."""


def way(first: Step | None, docker: tuple[str, str, str], started: str) -> list[Step]:
    """The steps of one worker: how it got power, its Docker phases, its container, its end."""
    inside = [(phase, note, 10.0) for phase, note in zip(DOCKER, docker, strict=True)]
    end = [(Phase.START_WAA, started, 5.0), (Phase.WAIT_FOR_WAA, "", 100.0)]
    begun = [first] if first else []
    return [*begun, (Phase.WAIT_FOR_SSH, "", 5.0), *inside, *end, (Phase.OPEN_TUNNEL, "", 1.0)]


COLD = way((Phase.CREATE_VM, "", 100.0), ("", "", ""), "container made")
REGISTRY = way((Phase.CREATE_VM, "", 100.0), ("", "from registry r", THERE), "container made")
FROM_IMAGE = way((Phase.CREATE_VM, IMAGE, 100.0), (THERE, THERE, THERE), "container made")
FROM_WINDOWS = way((Phase.CREATE_VM, WINDOWS, 100.0), (THERE, THERE, THERE), "container made")
WARM = way((Phase.START_VM, "", 50.0), (THERE, THERE, THERE), "container started")
HOT = way(None, (THERE, THERE, THERE), "container started")
READY = way(None, (THERE, THERE, THERE), "was running")
CONTINUED = way(None, (THERE, THERE, ""), "container made")


def spans(
    steps: list[Step], worker: str = WORKER, factor: float = 1.0, started: datetime = START
) -> list[Span]:
    """The steps one after the other, each `factor` times as long."""
    made, now = [], started
    for phase, note, seconds in steps:
        ended = now + timedelta(seconds=seconds * factor)
        made.append(Span(worker, phase, now, ended, detail=note))
        now = ended
    return made


def run(steps: list[Step], factor: float = 1.0, flow: str = "pool-create") -> Run:
    """A run of one worker."""
    return run_of(flow, POOL, spans(steps, factor=factor))
