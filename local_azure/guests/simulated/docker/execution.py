"""Programs that run in containers, over the life of the containers.

A program in a container ends when the container does, by SIGKILL (its pid namespace goes). Nothing
ticks: whenever the engine's state was kept, what should run no more is ended, and a moment at which
a container will end by itself is waited for while something runs in it.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from local_azure.guests.simulated.docker import lifecycle
from local_azure.guests.simulated.docker.model import Container
from local_azure.guests.simulated.processes import KILL, Place, Process
from local_azure.guests.simulated.running import Run, attempt

if TYPE_CHECKING:
    from local_azure.guests.simulated.docker.daemon import Daemon

LAST_ROUNDS = 100
"""Turns of the event loop; a program's end takes some ten."""


def place_of(container: Container) -> Place:
    """The present run of a container."""
    return container.id, container.started_at


def start(run: Run) -> Process:
    """Start a program in a container: a child of the container's, not of whoever asked."""
    daemon, process = run.guest.docker, run.guest.processes.start(run, attempt)
    reap(daemon)
    if process.task is not None:
        process.task.add_done_callback(lambda _: _rest(daemon))
    return process


def reap(daemon: Daemon) -> None:
    """End what runs in containers that do not run, and come back when one will have ended."""
    running = {
        place_of(each): each for each in daemon.engine.containers.values() if each.is_running
    }
    for place in _used(daemon):
        if place not in running:
            daemon.guest.start_task(_end(daemon, place))
            continue
        at = lifecycle.natural_end(running[place])[0]
        if at < math.inf and place not in daemon.alarms:
            daemon.alarms[place] = daemon.guest.start_task(_settle_at(daemon, at))


async def _end(daemon: Daemon, place: Place) -> None:
    """End what is still in a container that has ended.

    At a high speed many cloud seconds lie in one moment here: what should have ended by itself
    before the container did is let to its end first.
    """
    for _ in range(LAST_ROUNDS):
        await asyncio.sleep(0)
    for each in daemon.guest.processes.seen_from(place):
        each.send(KILL)


def _rest(daemon: Daemon) -> None:
    """Wait no more for the end of containers in which nothing runs."""
    for place in daemon.alarms.keys() - _used(daemon):
        daemon.alarms.pop(place).cancel()


def _used(daemon: Daemon) -> set[Place]:
    return {each.place for each in daemon.guest.processes if each.place is not None}


async def _settle_at(daemon: Daemon, at: float) -> None:
    clock = daemon.guest.clock
    await clock.sleep_until(at)
    daemon.settle(clock.now())
