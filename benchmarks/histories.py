"""Random lives of pools on the local Azure, lived by the product's own tasks, crashes included.

What the product says a pool has cost is compared with the local Azure's meter, which charges every
second of every resource and which the product never sees. Each step is an operation of its own, as
another process on another machine would run it: all it knows is what stands in tags.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

from prefect.logging import disable_run_logger

from local_azure import control
from local_azure.control import Status
from tasks import machines, marks
from tasks.operation import look
from tasks.session import Session, entered
from vmpool.arm.clients import Cloud, connect
from vmpool.arm.kinds import API, VM
from vmpool.arm.machines import vm_resource_id
from vmpool.arm.rest import send
from vmpool.cost import Cost, cost, worker_names
from vmpool.errors import VmPoolError
from vmpool.guest.keys import new_host_key
from vmpool.model import Observed, Place, PowerState
from vmpool.settings import Settings
from vmpool.timing import Recorder

P = ParamSpec("P")
T = TypeVar("T")
PLACES = [
    Place(size, region)
    for region in ("eastus", "eastus2", "westus2", "westeurope")
    for size in ("Standard_D8ds_v5", "Standard_D8s_v5")
]
SHORTEST_WAIT, LONGEST_WAIT = 5.0, 21 * 86400.0
"""Cloud seconds between two steps, evenly by their logarithm: seconds as often as weeks."""
HOURS = 2.0
LIMIT, CENT = 0.01, 0.01
AT_ONCE = 8
"""Histories that take a step at the same time: more would measure how busy the machine is."""


class CrashError(Exception):
    """The process is gone; nothing that it still wanted to do happens."""


@dataclass
class Mortal(Session):
    """A session whose process dies at a request.

    Attributes:
        dies_at: function that sends the request, "" for a session that lives.
        is_sent: whether the request is still sent.
    """

    dies_at: str = ""
    is_sent: bool = True

    async def commit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Send a request, or die instead, or right afterwards."""
        is_last = getattr(function, "__name__", "") == self.dies_at
        if is_last and not self.is_sent:
            raise CrashError
        answer = await super().commit(function, *args, **kwargs)
        if is_last:
            raise CrashError
        return answer


@dataclass
class History:
    """The life of one pool of one worker.

    Attributes:
        cloud: connection.
        pool: pool name.
        place: where it is.
        chance: source of every decision.
        steps: what happened, for people.
    """

    cloud: Cloud
    pool: str
    place: Place
    chance: random.Random
    steps: list[str] = field(default_factory=list)

    @property
    def worker(self) -> str:
        """Its worker."""
        return f"{self.pool}-00"

    async def step(self) -> None:
        """One operation, chosen by chance from what can be done to the worker as it stands."""
        observed = await self._still()
        state = observed.workers[0].power_state if observed.workers else None
        verbs: list[Callable[[], Coroutine[Any, Any, None]]] = {
            None: [self.create],
            PowerState.DEALLOCATED: [self.start, self.start, self.delete],
            PowerState.STOPPED: [self.start, self.deallocate, self.deallocate, self.delete],
        }.get(state, [self.deallocate, self.deallocate, self.shut_down, self.extend, self.delete])
        await self.chance.choice(verbs)()

    async def end(self) -> Cost:
        """Delete whatever is left; what the product says it has cost in all."""
        while worker_names(observed := await self._still()):
            await self.delete()
        return cost(observed)

    async def create(self) -> None:
        """The phases of a create on Azure's side."""

        async def work(session: Session) -> None:
            network = await machines.create_network.fn(self.worker, self.place)
            session.host_keys[self.worker] = new_host_key()
            await machines.create_vm.fn(self.worker, self.place, network.nic_id, HOURS)

        await self._operate("create", "begin_create", work)

    async def start(self) -> None:
        """A resume."""
        await self._operate(
            "start", "begin_start", lambda _: machines.start_vm.fn(self.worker, HOURS)
        )

    async def deallocate(self) -> None:
        """A pause."""
        await self._operate(
            "deallocate", "begin_deallocate", lambda _: machines.deallocate_vm.fn(self.worker)
        )

    async def delete(self) -> None:
        """A worker deleted, its network kept."""
        await self._operate(
            "delete", "begin_delete", lambda _: machines.delete_worker.fn(self.worker)
        )

    async def extend(self) -> None:
        """The timer moved."""

        async def work(session: Session) -> None:
            await marks.extend_timer.fn(self.worker, session.clock.now())

        await self._operate("extend", "", work)

    async def shut_down(self) -> None:
        """Ubuntu shut down from inside, or by somebody in the portal: stopped, and still billed."""
        self.steps.append("stop inside")
        path = f"{vm_resource_id(self.cloud, self.worker)}/powerOff"
        query = {"api-version": API[VM]}
        await asyncio.to_thread(partial(send, self.cloud, "POST", path, query))

    async def _operate(
        self, name: str, dies_at: str, work: Callable[[Session], Coroutine[Any, Any, None]]
    ) -> None:
        fate = self.chance.choice(["lives", "lives", "dies before", "dies after"])
        is_mortal = bool(dies_at) and fate != "lives"
        session = self._session(dies_at if is_mortal else "", is_sent=fate == "dies after")
        self.steps.append(f"{name}, {fate}" if is_mortal else name)
        try:
            with entered(session), suppress(CrashError):
                await look(session)
                await work(session)
        except VmPoolError as error:  # a machine under load; a crash as good as any
            self.steps.append(f"{type(error).__name__}")

    async def _still(self) -> Observed:
        """The pool once Azure moves nothing of it, seen by an operation that does no more."""
        with entered(self._session()) as session:
            with suppress(VmPoolError):
                await machines.settled(self.worker)
            return await look(session)

    def _session(self, dies_at: str = "", *, is_sent: bool = True) -> Session:
        recorder = Recorder(self.cloud.clock)
        return Mortal(
            self.cloud.settings, self.cloud, self.pool, recorder, dies_at=dies_at, is_sent=is_sent
        )


@dataclass(frozen=True)
class Compared:
    """One history's end.

    Attributes:
        pool: pool name.
        tracked: what the product says, None if it says that it does not know.
        true: what the meter says.
        steps: what happened.
    """

    pool: str
    tracked: float | None
    true: float
    steps: tuple[str, ...]

    @property
    def error(self) -> float:
        """Relative error; infinite if the product does not know."""
        if self.tracked is None:
            return math.inf
        return abs(self.tracked - self.true) / self.true if self.true else 0.0

    @property
    def is_right(self) -> bool:
        """Whether it is off by at most 1 %, or by a cent where the whole costs less than a dollar.

        A cent, because of the speed: a tenth of a second of ours between a note and the request
        that it tells of is ten seconds and more of the cloud's.
        """
        if self.tracked is None:
            return False
        return abs(self.tracked - self.true) <= max(LIMIT * self.true, CENT)


async def live(
    status: Status, settings: Settings, seed: int, count: int, rounds: int
) -> list[Compared]:
    """Live some histories side by side, one clock for all.

    Args:
        status: the local Azure.
        settings: lead to it.
        seed: of all chance.
        count: how many pools.
        rounds: steps of each.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with gate:
            return await work()

    chance = random.Random(seed)  # noqa: S311 # repeatable, not secret
    pools = [
        History(
            connect(settings.model_copy(update={"resource_group": f"h{seed}x{index}"})),
            f"h{seed}x{index}",
            PLACES[index % len(PLACES)],
            random.Random(f"{seed}/{index}"),  # noqa: S311 # same
        )
        for index in range(count)
    ]
    with disable_run_logger():
        for _ in range(rounds):
            await asyncio.gather(*(gated(pool.step) for pool in pools))
            wait = math.exp(chance.uniform(math.log(SHORTEST_WAIT), math.log(LONGEST_WAIT)))
            await _advance(status, wait)
        ends = await asyncio.gather(*(gated(pool.end) for pool in pools))
    meter = await asyncio.to_thread(control.ask, status, "GET", "/_local/meter")
    return [
        Compared(
            pool.pool,
            found.total_usd,
            sum(item["usd"] for item in meter["resources"] if item["pool"] == pool.pool),
            tuple(pool.steps),
        )
        for pool, found in zip(pools, ends, strict=True)
    ]


async def _advance(status: Status, seconds: float) -> None:
    body = {"advance": seconds}
    await asyncio.to_thread(control.ask, status, "POST", "/_local/clock", body)
