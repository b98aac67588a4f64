"""The workers of an evaluation at work: each takes one unit after the other, from when it is ready.

No barrier: the first worker works while the last one boots. A worker that is lost gives its unit
back at once and has a minute to come back; whoever is idle waits for what may still be given back.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Self

from prefect.logging import get_run_logger

from tasks.leases import Held
from tasks.session import listeners
from tasks.stations import Station
from vmpool.clock import CloudClock
from vmpool.errors import GuestUnreachableError, HostKeyError, VmPoolError
from vmpool.evals import Board, Unit
from vmpool.guest.connection import Address
from vmpool.model import Phase
from vmpool.timing import INTERRUPTED, Span, minutes

RECOVER_WALL_SECONDS = 60.0
"""A lost worker may come back so long: a cut connection is soon mended, a dead VM never is."""
RETRY_WALL_SECONDS = 2.0
CLOSE_WALL_SECONDS = 10.0
"""For ending what runs on workers: one that can't be reached must not hold up the pool's pause."""

Perform = Callable[[str, str], Awaitable[None]]
"""Does a unit, given worker and unit names; raises what went wrong."""


@dataclass
class Time:
    """Cloud seconds that one worker spent.

    Attributes:
        busy: doing units, well or badly.
        lost: why it left, "" while it has not.
    """

    busy: float = 0.0
    lost: str = ""


@dataclass
class Crew:
    """Who works on a board; a context manager that ends all work with its block.

    Attributes:
        board: the work.
        make_station: opens the way to a worker.
        perform: does a unit; called in the context of the block, whoever calls `join`.
        clock: the cloud's.
        stations: open ways, by worker.
        times: what each worker spent, by worker.
    """

    board: Board
    make_station: Callable[[str, Address], Awaitable[Station]]
    perform: Perform
    clock: CloudClock
    stations: dict[str, Station] = field(default_factory=dict)
    times: dict[str, Time] = field(default_factory=dict)
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> Self:
        self._context = contextvars.copy_context()
        self._log = get_run_logger()
        self._listeners = listeners.get()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End whatever still runs, here and on the workers."""
        for task in self._running.values():
            task.cancel()
        if self._running:
            await asyncio.wait(self._running.values())
        closing = [asyncio.ensure_future(s.close()) for s in self.stations.values()]
        if closing:
            late = (await asyncio.wait(closing, timeout=CLOSE_WALL_SECONDS))[1]
            for closes in late:
                closes.cancel()

    def join(self, worker: str, address: Address) -> None:
        """A worker is ready: it begins now. One that works already goes on.

        Args:
            worker: worker name.
            address: where its sshd is.
        """
        running = self._running.get(worker)
        if running is None or running.done():
            self.times.setdefault(worker, Time())
            self._running[worker] = asyncio.get_running_loop().create_task(
                self._work(worker, address), context=self._context.copy()
            )

    async def over(self, held: Held) -> None:
        """Wait until every unit has ended, nobody is left to do one, or the lease is lost.

        Args:
            held: the lease; without it the pool may be paused any moment.
        """
        is_lost = asyncio.ensure_future(held.is_lost.wait())
        at_work = asyncio.ensure_future(self._until_idle())
        try:
            await asyncio.wait({is_lost, at_work}, return_when=asyncio.FIRST_COMPLETED)
            if at_work.done():
                at_work.result()
        finally:
            is_lost.cancel()
            at_work.cancel()
        if is_lost.done() and not is_lost.cancelled():
            self.board.call_off("the lease of the pool was lost")

    async def _until_idle(self) -> None:
        while running := [task for task in self._running.values() if not task.done()]:
            await asyncio.wait(running)
        for task in self._running.values():
            task.result()  # a mistake of ours must not look like a lost worker

    async def _work(self, worker: str, address: Address) -> None:
        """Do units until none is left or the worker is lost."""
        try:
            station = self.stations[worker] = await self.make_station(worker, address)
            while unit := await self._next(worker):
                if not await self._do(station, unit):
                    break
        except VmPoolError as error:
            self._leave(worker, error)
        finally:
            await self._give_back(worker, "called off")

    async def _next(self, worker: str) -> Unit | None:
        """The next unit; None when all have ended."""
        async with self._changed:
            while not self.board.is_over:
                if unit := self.board.take(worker):
                    return unit
                await self._changed.wait()
        return None

    async def _do(self, station: Station, unit: Unit) -> bool:
        """Do one unit; whether the worker can take another one."""
        worker, began, detail = station.worker, self.clock.now(), ""
        self._show(span := Span(worker, Phase.EVAL_UNIT, began, detail=unit.name))
        try:
            await self.perform(worker, unit.name)
        except (GuestUnreachableError, HostKeyError) as error:
            self._spend(span, str(error))
            await self._give_back(worker, str(error))
            return await self._is_back(station, error)
        except VmPoolError as error:
            detail = str(error)
        except BaseException:
            self._spend(span, INTERRUPTED)
            raise
        seconds = self._spend(span, detail)
        async with self._changed:
            self.board.finish(worker, detail, seconds)
            self._changed.notify_all()
        self._tell(worker, unit, seconds, detail)
        return True

    def _tell(self, worker: str, unit: Unit, seconds: float, detail: str) -> None:
        place = f"{len(self.board.records)} of {self.board.total}"
        if detail:
            self._log.error("%s: %s failed (%s): %s", worker, unit.name, place, detail)
        else:
            self._log.info("%s: %s done in %s (%s)", worker, unit.name, minutes(seconds), place)

    def _show(self, span: Span) -> None:
        for listener in self._listeners:
            listener(span)

    def _spend(self, span: Span, error: str) -> float:
        ended = replace(span, ended=self.clock.now(), error=error)
        self._show(ended)
        self.times[span.worker].busy += ended.seconds
        return ended.seconds

    async def _give_back(self, worker: str, why: str) -> None:
        """What a worker was doing is for the others; nothing, if it had finished."""
        async with self._changed:
            self.board.lose(worker, why)
            self._changed.notify_all()

    async def _is_back(self, station: Station, error: VmPoolError) -> bool:
        """Wait for a lost worker to come back, and end what it still does there."""
        self._log.warning("%s is lost: %s", station.worker, error)
        deadline = asyncio.get_running_loop().time() + RECOVER_WALL_SECONDS
        while asyncio.get_running_loop().time() < deadline and not self.board.is_over:
            await asyncio.sleep(RETRY_WALL_SECONDS)
            try:
                await station.recover()
            except GuestUnreachableError:
                continue
            except VmPoolError as again:
                error = again
                break
            self._log.warning("%s is back", station.worker)
            return True
        self._leave(station.worker, error)
        return False

    def _leave(self, worker: str, error: VmPoolError) -> None:
        self.times[worker].lost = str(error)
        self._log.error("%s does no more of this evaluation: %s", worker, error)
