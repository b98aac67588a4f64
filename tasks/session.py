"""What one operation on one pool carries along: connections, clock, recorder. Nothing that lasts.

Tasks take only names and plain values as parameters (they are shown in the UI and hashed for
caches); clients, keys and shells are found here, through a context variable.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from vmpool.arm.clients import Cloud
from vmpool.arm.machines import list_workers
from vmpool.clock import CloudClock
from vmpool.errors import GuestUnreachableError, PhaseTimeoutError
from vmpool.guest.keys import HostKey
from vmpool.guest.shell import Address, Shell
from vmpool.guest.tunnel import Tunnel
from vmpool.model import Worker
from vmpool.settings import Settings
from vmpool.timing import Listener, Recorder

P = ParamSpec("P")
T = TypeVar("T")

MAX_THREADS = 256
"""Blocking SDK and SSH calls at once: two per worker at the largest pool, with room."""
FEWEST_WALL_SECONDS = 0.2
"""Never poll a worker more often than this, however fast the local clock runs."""

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
        addresses: where each worker's sshd is, once known.
        host_keys: host keys made in this operation, until the VM has them.
        tunnels: open tunnels by worker.
    """

    settings: Settings
    cloud: Cloud
    pool: str
    recorder: Recorder
    pool_id: str = ""
    addresses: dict[str, Address] = field(default_factory=dict)
    host_keys: dict[str, HostKey] = field(default_factory=dict)
    tunnels: dict[str, Tunnel] = field(default_factory=dict)
    _shells: dict[str, Shell] = field(default_factory=dict)
    _shells_lock: threading.Lock = field(default_factory=threading.Lock)
    _watch: asyncio.Task[tuple[Worker, ...]] | None = None
    _limiter: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(MAX_THREADS))

    @property
    def clock(self) -> CloudClock:
        """The cloud's clock."""
        return self.cloud.clock

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call in a thread; when we are cancelled its result is forgotten."""
        bound = partial(function, *args, **kwargs)
        return await to_thread.run_sync(bound, limiter=self._limiter, abandon_on_cancel=True)

    async def workers_now(self) -> tuple[Worker, ...]:
        """The pool's workers; everybody who asks at the same time shares one status list."""
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self.call(list_workers, self.cloud, self.pool))
        return await asyncio.shield(self._watch)

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
            self._drop_shell(worker)
        self.addresses[worker] = address

    def _drop_shell(self, worker: str) -> None:
        with self._shells_lock:
            shell = self._shells.pop(worker, None)
        if shell:
            shell.close()

    async def until(
        self,
        check: Callable[[], Awaitable[T | None]],
        *,
        every_seconds: float,
        within_seconds: float,
        what: str,
    ) -> T:
        """Ask again and again until there is an answer.

        Args:
            check: returns None while it is too early; transient errors of it propagate.
            every_seconds: cloud seconds between questions.
            within_seconds: cloud seconds until giving up.
            what: the goal, for the message.

        Raises:
            PhaseTimeoutError: not reached in time.
        """
        pause = max(self.clock.wall_seconds(every_seconds), FEWEST_WALL_SECONDS)
        deadline = asyncio.get_running_loop().time() + self.wall_limit(within_seconds)
        while True:
            answer = await check()
            if answer is not None:
                return answer
            if asyncio.get_running_loop().time() >= deadline:
                raise PhaseTimeoutError(f"{what} not reached within {within_seconds / 60:.0f} min")
            await anyio.sleep(pause)

    def wall_limit(self, cloud_seconds: float) -> float:
        """Wall seconds for a limit in cloud seconds; never so short that real work can't fit."""
        return max(self.clock.wall_seconds(cloud_seconds), 30.0)

    def close(self) -> None:
        """Close tunnels and shells."""
        for tunnel in self.tunnels.values():
            tunnel.close()
        for shell in self._shells.values():
            shell.close()


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
