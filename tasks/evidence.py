"""The artifact `<worker>-evidence`: what a guest showed when a phase on it failed or took too long.

A look never changes what becomes of the run: it has a connection of its own and runs beside the
phases, it is short, and whatever goes wrong with it is a line in the log. Only what is about to be
deleted or deallocated after a failure waits for it, and only if the guest can be reached.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from prefect.artifacts import acreate_markdown_artifact
from prefect.logging import get_run_logger

from tasks.session import Session, current
from vmpool import evidence
from vmpool.errors import GuestUnreachableError, HostKeyError
from vmpool.evidence import LEAST_OVER_SECONDS, LOOKED_AT, Exhibit, Occasion
from vmpool.guest.look import Seen, look
from vmpool.guest.shell import Address, Shell
from vmpool.model import Phase
from vmpool.screen import small_png

LOOK_WALL_SECONDS = 8.0
"""For a look with its connection: a failed worker bills that much longer at most."""
LAST_WALL_SECONDS = 3.0
"""At the end of an operation, for looks that still go on."""


@contextmanager
def watched(worker: str, phase: Phase, will_retry: Callable[[Exception], bool]) -> Iterator[None]:
    """Have the guest looked at if the phase fails for good, or as soon as it takes too long.

    Args:
        worker: worker name.
        phase: the phase that the block is; nothing happens if it does not stand on the guest.
        will_retry: whether it will be tried again after a failure.
    """
    if phase not in LOOKED_AT:
        yield
        return
    session, began = current(), current().clock.now()
    alarm = _set_alarm(session, worker, phase, began)
    try:
        yield
    except Exception as error:
        if not will_retry(error) and not _is_out_of_reach(phase, error):
            said = str(error) or type(error).__name__
            _begin(session, _occasion(session, worker, phase, began, error=said))
        raise
    else:
        _check_end(session, worker, phase, began)
    finally:
        if alarm:
            alarm.cancel()


def _is_out_of_reach(phase: Phase, error: BaseException | None) -> bool:
    """Whether SSH is why it failed: then there is nobody to ask, and asking would take long."""
    while error and phase is not Phase.OPEN_TUNNEL:  # there it is a service that can't be reached
        if isinstance(error, GuestUnreachableError | HostKeyError):
            return True
        error = error.__cause__
    return False


def _p95(session: Session, worker: str, phase: Phase) -> float | None:
    forecast = session.forecast
    return forecast.p95_seconds(session.live.of(worker), phase) if forecast else None


def _set_alarm(
    session: Session, worker: str, phase: Phase, began: datetime
) -> asyncio.TimerHandle | None:
    """Look while the phase still runs: afterwards, whatever held it up is gone."""
    p95 = _p95(session, worker, phase)
    if p95 is None:
        return None

    def ring() -> None:
        _begin(session, _occasion(session, worker, phase, began, p95=p95, is_running=True))

    seconds = session.clock.wall_seconds(p95 + LEAST_OVER_SECONDS)
    return asyncio.get_running_loop().call_later(seconds, ring)


def _check_end(session: Session, worker: str, phase: Phase, began: datetime) -> None:
    """What a phase did tells which way its worker goes, and so what is usual."""
    p95 = _p95(session, worker, phase)
    occasion = _occasion(session, worker, phase, began, p95=p95)
    if p95 is not None and occasion.seconds > p95 + LEAST_OVER_SECONDS:
        _begin(session, occasion)


def _occasion(session: Session, worker: str, phase: Phase, began: datetime, **why: Any) -> Occasion:
    now = session.clock.now()
    return Occasion(worker, phase, now, (now - began).total_seconds(), **why)


def _begin(session: Session, occasion: Occasion) -> None:
    work = partial(_look, session, occasion)
    session.looks.begin(occasion.worker, work, is_failure=occasion.is_failure)


async def _look(session: Session, occasion: Occasion, has_seen: asyncio.Event) -> None:
    worker, said = occasion.worker, occasion.headline
    try:
        async with asyncio.timeout(LOOK_WALL_SECONDS):
            found = await session.call(_collected, session.addresses[worker])
        has_seen.set()
        page = await session.call(_page, session.pool, occasion, found)
        await acreate_markdown_artifact(page, key=evidence.key(worker), description=said)
    except Exception as error:  # noqa: BLE001 # what nobody could see changes nothing of the run
        why = str(error) or type(error).__name__
        get_run_logger().info("%s; nothing more could be seen of it: %s", said, why)
        return
    session.looks.shown.add(worker)
    level = logging.WARNING if occasion.is_failure else logging.INFO
    get_run_logger().log(level, "%s: %s", said, evidence.see([worker]))


def _collected(address: Address) -> Seen:
    shell = Shell(address)  # of its own: the phase may still use the other one, or have blocked it
    try:
        return look(shell, LOOK_WALL_SECONDS)
    finally:
        shell.close()


def _page(pool: str, occasion: Occasion, found: Seen) -> str:
    """Half a second of work at worst, so not for the event loop."""
    return evidence.page(pool, occasion, _exhibit(found))


def _exhibit(found: Seen) -> Exhibit:
    """With the screen as people's browsers show it."""
    try:
        screen, blind = (small_png(found.screen) if found.screen else b""), found.blind
    except ValueError as error:
        screen, blind = b"", str(error)
    return Exhibit(found.containers, found.log, screen, blind)


async def seen(worker: str) -> None:
    """Wait until a failed worker's guest was looked at: what is taken back shows nothing any more.

    Args:
        worker: worker name.
    """
    await current().looks.seen(worker)


async def finish() -> str:
    """End all looks.

    Returns:
        Where to see what they found, as a line; "" if there is nothing.
    """
    looks = current().looks
    await looks.finish(LAST_WALL_SECONDS)
    return evidence.see(looks.shown)
