"""Who wants to hear of each worker that is ready, while its pool is still being brought up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from vmpool.guest.connection import Address

Hear = Callable[[str, Address], None]
"""Called on the event loop with a worker's name and where its sshd is; must not block."""

_hearers: ContextVar[tuple[Hear, ...]] = ContextVar("hearers", default=())


@contextmanager
def heard_when_ready(hear: Hear) -> Iterator[None]:
    """Hear of workers that flows called in the block bring to ready."""
    token = _hearers.set((*_hearers.get(), hear))
    try:
        yield
    finally:
        _hearers.reset(token)


def tell_ready(worker: str, address: Address) -> None:
    """A worker is ready."""
    for hear in _hearers.get():
        hear(worker, address)
