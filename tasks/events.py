"""What the world is told: an event and a line per phase, an event per operation.

Names and payloads are documented in docs/events.md; automations are written against them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from prefect import runtime
from prefect.events import Event, Resource, emit_event
from prefect.events.clients import get_events_client
from prefect.logging import get_run_logger

from vmpool.timing import INTERRUPTED, Listener, Span, minutes

DELIVERY_TRIES = 2
"""Connections to the Prefect server that are tried; the schedule comes again soon."""


_cause: ContextVar[str] = ContextVar("cause", default="")


@contextmanager
def causing(flow: str) -> Iterator[None]:
    """Name a flow as the cause of what flows called in the block tell.

    Args:
        flow: its name; of two, one around the other, the outer one counts.
    """
    token = _cause.set(_cause.get() or flow)
    try:
        yield
    finally:
        _cause.reset(token)


def pool_resource(pool: str) -> dict[str, str]:
    """The Prefect resource that a pool's events are about.

    The flow that somebody asked for is a label of it, since triggers can match those only: an
    evaluation that starts when a pool was resumed must not start another one by resuming it.
    """
    return {
        "prefect.resource.id": f"waa.pool.{pool}",
        "prefect.resource.name": pool,
        "prefect.resource.role": "pool",
        "waa.flow": _cause.get() or str(runtime.flow_run.flow_name or ""),
    }


def emit_pool_event(pool: str, what: str, payload: dict[str, Any]) -> None:
    """`waa.pool.<what>`, for example `waa.pool.resumed`."""
    emit_event(f"waa.pool.{what}", resource=pool_resource(pool), payload=payload)


async def deliver_pool_event(pool: str, what: str, payload: dict[str, Any]) -> bool:
    """Like `emit_pool_event`, but waits for the Prefect server to take it.

    Returns:
        Whether it did: only then may it be noted that somebody was told.
    """
    event = Event(event=f"waa.pool.{what}", resource=Resource(pool_resource(pool)), payload=payload)
    try:
        async with get_events_client(DELIVERY_TRIES, checkpoint_every=1) as client:
            await client.emit(event)
    except Exception as error:  # noqa: BLE001 # whatever it was, nobody was told
        get_run_logger().warning("Event %s of pool %s was not delivered: %s", what, pool, error)
        return False
    return True


def emit_image_event(what: str, payload: dict[str, Any]) -> None:
    """`waa.image.<what>`: `waa.image.promoted`, `waa.image.deleted`."""
    resource = {"prefect.resource.id": "waa.images", "prefect.resource.name": "golden images"}
    emit_event(f"waa.image.{what}", resource=resource, payload=payload)


def phase_listener(pool: str) -> Listener:
    """Emit `waa.phase.completed` or `waa.phase.failed` when a phase ends."""

    def tell(span: Span) -> None:
        if span.ended is None:
            return
        emit_event(
            f"waa.phase.{'failed' if span.error else 'completed'}",
            resource=pool_resource(pool),
            payload=_payload(span),
        )

    return tell


def log_phase(span: Span) -> None:
    """A line in the run's log when a phase ends: Prefect's own says neither worker nor time."""
    if span.ended:
        why = f"{span.ending}: {span.error}" if span.error else span.detail or "done"
        outcome = why if span.error != INTERRUPTED else INTERRUPTED
        took = minutes(span.seconds)
        get_run_logger().info("%s: %s took %s min, %s", span.worker, span.phase, took, outcome)


def _payload(span: Span) -> dict[str, Any]:
    return {
        "worker": span.worker,
        "phase": span.phase.value,
        "started": span.started.isoformat(),
        "seconds": round(span.seconds, 1),
        "detail": span.error or span.detail,
    }
