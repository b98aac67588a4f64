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

from benchmarks.compared import Compared, Seen
from benchmarks.still_time import StillTime
from tasks import deletion, machines, marks
from tasks.operation import look
from tasks.session import Session, entered
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import API, VM
from vmpool.arm.machines import vm_resource_id
from vmpool.arm.rest import send
from vmpool.cost import cost, worker_names
from vmpool.errors import VmPoolError
from vmpool.guest.keys import new_host_key
from vmpool.model import Intent, Observed, Place, PowerState
from vmpool.timing import Recorder

P = ParamSpec("P")
T = TypeVar("T")
SHORTEST_WAIT, LONGEST_WAIT = 5.0, 21 * 86400.0
"""Cloud seconds between two steps, evenly by their logarithm: seconds as often as weeks."""
MOST_STEPS = 6
HOURS = 2.0


class CrashError(Exception):
    """The process is gone; nothing that it still wanted to do happens."""


@dataclass
class Mortal(Session):
    """A session whose process dies at a request.

    Attributes:
        still: the time that it lives in.
        dies_at: function that sends the request, "" for a session that lives.
        is_sent: whether the request is still sent.
    """

    still: StillTime | None = None
    dies_at: str = ""
    is_sent: bool = True

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Time waits for every request."""
        assert self.still  # noqa: S101 # only so that Session's fields may have defaults
        with self.still.at_work():
            return await super().call(function, *args, **kwargs)

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
        still: the time that it lives in.
        pool: pool name.
        place: where it is.
        chance: source of every decision.
        has_strangers: whether somebody else starts and deallocates too.
        truth: what the meter says of a pool now.
        steps: what happened, for people.
        seen: what the product said on the way, and what was true.
    """

    cloud: Cloud
    still: StillTime
    pool: str
    place: Place
    chance: random.Random
    has_strangers: bool
    truth: Callable[[str], float]
    steps: list[str] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    @property
    def worker(self) -> str:
        """Its worker."""
        return f"{self.pool}-00"

    async def live(self) -> Compared:
        """The whole life, until nothing is left that costs."""
        for _ in range(self.chance.randint(2, MOST_STEPS)):
            await self._step()
            self._wait()
        while worker_names(await self._still()):
            await self._delete()
            self._wait(longest=600.0)
        return Compared(self.pool, tuple(self.steps), tuple(self.seen))

    async def _step(self) -> None:
        """One operation, chosen by chance from what can be done to the worker as it stands."""
        if self.chance.random() < 0.5:  # noqa: PLR2004 # in the midst of whatever goes on
            await self._look()
        observed = await self._still()
        state = observed.workers[0].power_state if observed.workers else None
        verbs = {
            None: [self._create],
            PowerState.DEALLOCATED: [self._start, self._start, self._delete],
            PowerState.STOPPED: [self._start, self._deallocate, self._deallocate, self._delete],
        }.get(
            state,
            [self._deallocate, self._deallocate, self._shut_down, self._extend, self._delete],
        )
        if self.has_strangers and state:
            verbs += [self._stranger, self._stranger]
        await self.chance.choice(verbs)()

    async def _create(self) -> None:
        """The phases of a create on Azure's side."""

        async def work(session: Session) -> None:
            network = await machines.create_network.fn(self.worker, self.place)
            session.host_keys[self.worker] = new_host_key()
            await machines.create_vm.fn(self.worker, self.place, network.nic_id, HOURS)

        await self._operate("create", "begin_create", work)

    async def _start(self) -> None:
        """A resume."""
        await self._operate(
            "start", "begin_start", lambda _: machines.start_vm.fn(self.worker, HOURS)
        )

    async def _deallocate(self) -> None:
        """A pause: first the note that it is about to be, as the flow writes it."""

        async def work(_session: Session) -> None:
            await marks.mark(self.worker, Intent.PAUSE)
            await machines.deallocate_vm.fn(self.worker)

        await self._operate("deallocate", "begin_deallocate", work)

    async def _delete(self) -> None:
        """A worker deleted, its network kept."""
        await self._operate(
            "delete", "begin_delete", lambda _: deletion.delete_worker.fn(self.worker)
        )

    async def _extend(self) -> None:
        """The timer moved."""

        async def work(session: Session) -> None:
            await marks.extend_timer.fn(self.worker, session.clock.now())

        await self._operate("extend", "", work)

    async def _shut_down(self) -> None:
        """Ubuntu shut down from inside, or by somebody in the portal: stopped, and still billed."""
        await self._in_the_portal("powerOff")

    async def _stranger(self) -> None:
        """Somebody starts and deallocates in the portal, once or more, while nobody looks."""
        for _ in range(self.chance.randint(1, 3)):
            await self._in_the_portal(self.chance.choice(["start", "deallocate"]))
            self._wait()

    async def _in_the_portal(self, action: str) -> None:
        self.steps.append(f"portal: {action}")
        path = f"{vm_resource_id(self.cloud, self.worker)}/{action}"
        call = partial(send, self.cloud, "POST", path, {"api-version": API[VM]})
        with self.still.at_work(), suppress(VmPoolError):  # refused while another one runs
            await asyncio.to_thread(call)

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
        except VmPoolError as error:
            self.steps.append(f"{type(error).__name__}")

    async def _still(self) -> Observed:
        """The pool once Azure moves nothing of it."""
        with entered(self._session()):
            await machines.settled(self.worker)
        return await self._look()

    async def _look(self) -> Observed:
        """The pool, seen by an operation that does no more; what it costs is compared."""
        with entered(self._session()) as session:
            observed = await look(session)
        said, true = cost(observed), await asyncio.to_thread(self.truth, self.pool)
        if observed.leftovers:
            self.seen.append(Seen(said.total_usd, said.uncertain_usd, true))
        return observed

    def _wait(self, longest: float = LONGEST_WAIT) -> None:
        seconds = math.exp(self.chance.uniform(math.log(SHORTEST_WAIT), math.log(longest)))
        self.steps.append(f"{seconds:.0f} s")
        self.still.skip(seconds)

    def _session(self, dies_at: str = "", *, is_sent: bool = True) -> Mortal:
        recorder = Recorder(self.cloud.clock)
        return Mortal(
            self.cloud.settings,
            self.cloud,
            self.pool,
            recorder,
            still=self.still,
            dies_at=dies_at,
            is_sent=is_sent,
        )
