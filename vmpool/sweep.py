"""Pure: what `idle-cleanup` did or would do, as the documented JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vmpool.idle import Idle
from vmpool.orphans import Orphan
from vmpool.tags import format_time


def sweep_document(pools: Sequence[Idle], orphans: Sequence[Orphan]) -> dict[str, Any]:
    """The JSON of `oa-vm idle-cleanup --json`; its keys are an interface, add but don't rename.

    Args:
        pools: every pool.
        orphans: resources that seem to belong to nobody.
    """
    return {"pools": [_pool(idle) for idle in pools], "orphans": [_orphan(o) for o in orphans]}


def _pool(idle: Idle) -> dict[str, Any]:
    return {
        "pool": idle.pool,
        "action": idle.verb.value,
        "paused_since": format_time(idle.since) if idle.since else None,
        "days": round(idle.days, 2),
        "delete_at": format_time(idle.delete_at) if idle.delete_at else None,
        "reason": idle.reason,
    }


def _orphan(orphan: Orphan) -> dict[str, Any]:
    part = orphan.part
    return {
        "id": part.resource_id,
        "type": part.type,
        "pool": part.pool or None,
        "action": orphan.verb.value,
        "reason": str(orphan.failure) if orphan.failure else orphan.reason,
    }
