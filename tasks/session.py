"""What one operation on one pool carries along: connections, clock, recorder. Nothing that lasts.

Tasks take only names and plain values as parameters (they are shown in the UI and hashed for
caches); clients, keys and shells are found here, through a context variable.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from tasks.looks import Looks
from tasks.shared import Shared
from tasks.turns import Turns
from tasks.uncut import call_uncut_in
from vmpool.arm.clients import Cloud
from vmpool.arm.machines import list_workers, observe
from vmpool.clock import CloudClock
from vmpool.errors import (
    CloudUnreachableError,
    GuestUnreachableError,
    PhaseTimeoutError,
    TransientError,
)
from vmpool.forecast import Forecast, Live
from vmpool.guest.keys import HostKey
from vmpool.guest.shell import Address, Shell
from vmpool.guest.tunnel import Tunnel
from vmpool.model import Observed, Worker
from vmpool.money import Ledger
from vmpool.settings import Settings
from vmpool.spent import Spent
from vmpool.timing import Listener, Recorder

P = ParamSpec("P")
T = TypeVar("T")

MAX_THREADS = 256
"""Blocking SDK and SSH calls at once: two per worker at the largest pool, with room."""
FEWEST_WALL_SECONDS = 0.2
"""Never poll a worker more often than this, however fast the local clock runs."""
SHORTEST_LIMIT_WALL_SECONDS = 30.0
"""No limit is shorter on the wall, however fast the local clock runs: real work must fit."""
INSIST_DELAYS_SECONDS = (1.0, 2.0, 5.0)
"""Wall seconds before each new try of a call that belongs to no phase."""

listeners: ContextVar[Sequence[Listener]] = ContextVar("listeners", default=())
"""Who wants to see the phases live; set by the command line before it calls a flow."""
_current: ContextVar[Session] = ContextVar("session")


@dataclass
class Session:
    """One operation on one pool.

    Attributes:
        settings: as read at the start.
        cloud: connection to Azure.
        pool: pool name.
        pool_id: the id recorded for the pool.
        recorder: collects the spans.
        live: what has begun and ended of them.
        forecast: what to expect of them, None where nobody knows.
        regions: where each worker is, once known.
        addresses: where each worker's sshd is, once known.
        host_keys: host keys made in this operation, until the VM has them.
        tunnels: open tunnels by worker.
        offer: what the container registry has of our image, once it was asked.
        turns: turns at managed images.
        looks: looks at guests on which something went wrong.
        timers: operation ids of timers that this operation set on Azure's side, by worker.
        booted: workers whose Windows was, or may have been, started in this operation.
        ledgers: what each worker has cost, see `tasks.ledgers`.
        spent: what deleted workers of the pool cost, once one is deleted.
        spent_on: ARM id of the network that has it in its tags.
        spent_noted: writes it there.
        first_look: the pool as first looked at.
        observed: the pool as last looked at.
        receipt: after a pause, when deleting would have been cheaper.
        final_cost: before a cleanup's end, what the pool has cost.
        workers_now: asks for the pool's workers; one list for all who ask at the same time.
        observed_now: asks for everything of the pool, likewise.
    """

    settings: Settings
    cloud: Cloud
    pool: str
    recorder: Recorder
    live: Live = field(default_factory=Live)
    forecast: Forecast | None = None
    pool_id: str = ""
    regions: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, Address] = field(default_factory=dict)
    host_keys: dict[str, HostKey] = field(default_factory=dict)
    tunnels: dict[str, Tunnel] = field(default_factory=dict)
    offer: asyncio.Future[Any] | None = None
    turns: Turns = field(default_factory=Turns)
    looks: Looks = field(default_factory=Looks)
    timers: dict[str, list[str]] = field(default_factory=dict)
    booted: set[str] = field(default_factory=set)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    spent: Spent | None = None
    spent_on: str = ""
    first_look: Observed | None = None
    observed: Observed | None = None
    receipt: dict[str, Any] | None = None
    final_cost: dict[str, Any] | None = None
    spent_noted: Shared[None] = field(init=False)
    _shells: dict[str, Shell] = field(default_factory=dict)
    _shells_lock: threading.Lock = field(default_factory=threading.Lock)
    workers_now: Shared[tuple[Worker, ...]] = field(init=False)
    observed_now: Shared[Observed] = field(init=False)
    _changing: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MAX_THREADS))
    _limiter: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(MAX_THREADS))

    def __post_init__(self) -> None:
        self.workers_now = Shared(partial(self.call, list_workers, self.cloud, self.pool))
        self.observed_now = Shared(partial(self.call, observe, self.cloud, self.pool))

    @property
    def clock(self) -> CloudClock:
        """The cloud's clock."""
        return self.cloud.clock

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call in a thread; when we are cancelled its result is forgotten."""
        bound = partial(function, *args, **kwargs)
        return await to_thread.run_sync(bound, limiter=self._limiter, abandon_on_cancel=True)

    async def commit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call that has Azure change something; it is never left alone half way.

        Cancelled, we wait for Azure's answer first: a create or start whose request is still on
        its way when somebody looks what there is to take back would bill unseen.
        """
        return await call_uncut_in(self._changing, partial(function, *args, **kwargs))

    async def insist(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call that belongs to no phase; transient errors are tried again."""
        for delay in INSIST_DELAYS_SECONDS:
            try:
                return await self.commit(function, *args, **kwargs)
            except TransientError as error:
                await anyio.sleep(max(delay, error.retry_after_seconds or 0.0))
        return await self.commit(function, *args, **kwargs)

    def generation(self, worker: str) -> str:
        """Names this incarnation of a VM: each creation is given a new host key."""
        return hashlib.sha256(self.addresses[worker].host_key.encode()).hexdigest()[:12]

    def shell(self, worker: str) -> Shell:
        """The worker's shell, used by one phase at a time.

        Raises:
            GuestUnreachableError: its address or host key is not known.
        """
        with self._shells_lock:
            if worker not in self._shells:
                if worker not in self.addresses:
                    raise GuestUnreachableError(f"{worker} has no public address or host key")
                self._shells[worker] = Shell(self.addresses[worker])
            return self._shells[worker]

    def set_address(self, worker: str, ip: str, host_key: str) -> None:
        """Remember where a worker is and which host key it must show."""
        settings = self.settings
        address = Address(
            ip, self.cloud.ssh_port, settings.admin_username, settings.key_file, host_key
        )
        if self.addresses.get(worker) != address:
            self.drop_shell(worker)
        self.addresses[worker] = address

    def drop_shell(self, worker: str) -> None:
        """Cut a worker's connection, and with it whatever a cancelled phase still runs there."""
        with self._shells_lock:
            shell = self._shells.pop(worker, None)
        if shell:
            with suppress(Exception):  # what is half dead needs no orderly end
                shell.close()

    def keep_tunnel(self, worker: str, tunnel: Tunnel) -> None:
        """Hold a tunnel open until the operation ends; one of an earlier try is closed."""
        if worker in self.tunnels:
            self.tunnels[worker].close()
        self.tunnels[worker] = tunnel

    async def until(
        self,
        check: Callable[[], Awaitable[T | None]],
        *,
        every_seconds: float,
        within_seconds: float,
        what: str,
    ) -> T:
        """Ask again and again until there is an answer.

        A transient error is an answer that is not there yet: one cut connection in the twentieth
        minute of a boot must neither fail the phase nor begin its time anew.

        Args:
            check: returns None while it is too early.
            every_seconds: cloud seconds between questions.
            within_seconds: cloud seconds until giving up.
            what: the goal, for the message.

        Raises:
            PhaseTimeoutError: not reached in time; the message ends with the last trouble.
            CloudUnreachableError: at the end Azure could not be asked at all.
        """
        pause = max(self.clock.wall_seconds(every_seconds), FEWEST_WALL_SECONDS)
        now = asyncio.get_running_loop().time
        deadline = now() + self.wall_limit(within_seconds)
        while True:
            trouble: TransientError | None = None
            try:
                answer = await check()
            except TransientError as error:
                answer, trouble = None, error
            if answer is not None:
                return answer
            if now() >= deadline:
                raise _too_late(what, within_seconds, trouble) from trouble
            asked_for = trouble.retry_after_seconds if trouble else None
            await anyio.sleep(max(pause, asked_for or 0.0))

    def wall_limit(self, cloud_seconds: float) -> float:
        """See the function of the same name."""
        return wall_limit(self.clock, cloud_seconds)

    def close(self) -> None:
        """Close tunnels and shells."""
        for tunnel in self.tunnels.values():
            tunnel.close()
        for worker in tuple(self._shells):
            self.drop_shell(worker)


def wall_limit(clock: CloudClock, cloud_seconds: float) -> float:
    """Wall seconds for a limit in cloud seconds; never so short that real work can't fit."""
    return max(clock.wall_seconds(cloud_seconds), SHORTEST_LIMIT_WALL_SECONDS)


def _too_late(what: str, within_seconds: float, trouble: TransientError | None) -> Exception:
    if isinstance(trouble, CloudUnreachableError):
        return CloudUnreachableError(str(trouble))
    why = f": {trouble}" if trouble else ""
    return PhaseTimeoutError(f"{what} not reached within {within_seconds / 60:.0f} min{why}")


def current() -> Session:
    """The session of the operation that is running."""
    return _current.get()


@contextmanager
def entered(session: Session) -> Iterator[Session]:
    """Make `session` the current one and close it at the end."""
    token = _current.set(session)
    try:
        yield session
    finally:
        _current.reset(token)
        session.close()
