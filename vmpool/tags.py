"""The sole codec between the model and Azure's tags. Every key is documented here.

Azure allows 50 tags a resource, 256 characters a value, no `< > % & ?` or slashes in names, and
compares names without case. Tags are plain text that everybody with read access sees: no secrets.
Times are written as UTC, ISO 8601, whole seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime

from vmpool.model import Intent, WindowsState, WorkerTags

POOL = "waa-pool"
"""Name of the pool; on every resource of it."""
POOL_ID = "waa-pool-id"
"""GUID given to the pool when its first resource was made; deletes must match it."""
WORKER = "waa-worker"
"""Name of the worker; on the VM, its NIC, IP and disk."""
INTENT = "waa-intent"
"""What the last operation set out to do: create, resume, ready, pause, delete."""
INTENT_AT = "waa-intent-at"
"""When it did."""
AUTO_PAUSE_AT = "waa-auto-pause-at"
"""When auto-pause is due; written in the same step that creates or starts the VM."""
WINDOWS = "waa-windows"
"""Windows as last seen: absent, booting, ready, off, dirty, unknown."""
HOST_KEY = "waa-host-key"
"""Public SSH host key given to the VM: any machine with credentials can verify it."""
READY_AT = "waa-ready-at"
"""When the worker was last seen ready."""
NO_CAPACITY = "waa-no-capacity"
"""On the resource group: `waa-no-capacity.<region>.<size>` = until when the place is avoided."""


def format_time(moment: datetime) -> str:
    """UTC, ISO 8601, whole seconds, `Z`."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def parse_time(text: str | None) -> datetime | None:
    """The moment that `format_time` wrote, None if it is missing or not a time with a zone."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def encode(tags: WorkerTags) -> dict[str, str]:
    """Every tag of a worker's VM; what is None or unknown is left out."""
    written = {
        POOL: tags.pool,
        POOL_ID: tags.pool_id,
        WORKER: tags.worker,
        INTENT: tags.intent.value,
        INTENT_AT: format_time(tags.intent_at),
        WINDOWS: tags.windows.value,
        HOST_KEY: tags.host_key,
        AUTO_PAUSE_AT: format_time(tags.auto_pause_at) if tags.auto_pause_at else "",
        READY_AT: format_time(tags.ready_at) if tags.ready_at else "",
    }
    return {key: value for key, value in written.items() if value}


def decode(tags: dict[str, str] | None) -> WorkerTags | None:
    """What a VM's tags say.

    Args:
        tags: as Azure returns them; names in any case.

    Returns:
        The decoded tags, or None if the resource is not ours or its tags were damaged.
    """
    found = {key.lower(): value for key, value in (tags or {}).items()}
    intent_at = parse_time(found.get(INTENT_AT))
    try:
        intent = Intent(found.get(INTENT, ""))
    except ValueError:
        return None
    if intent_at is None or not all(found.get(key) for key in (POOL, POOL_ID, WORKER)):
        return None
    return WorkerTags(
        pool=found[POOL],
        pool_id=found[POOL_ID],
        worker=found[WORKER],
        intent=intent,
        intent_at=intent_at,
        auto_pause_at=parse_time(found.get(AUTO_PAUSE_AT)),
        windows=_windows(found.get(WINDOWS)),
        host_key=found.get(HOST_KEY, ""),
        ready_at=parse_time(found.get(READY_AT)),
    )


def _windows(text: str | None) -> WindowsState:
    try:
        return WindowsState(text or "")
    except ValueError:
        return WindowsState.UNKNOWN


def part_tags(pool: str, pool_id: str, worker: str = "") -> dict[str, str]:
    """Tags of a resource that is no VM; `worker` empty for what belongs to the whole pool."""
    tags = {POOL: pool, POOL_ID: pool_id}
    return tags | {WORKER: worker} if worker else tags


def no_capacity_key(region: str, size: str) -> str:
    """Tag name on the resource group under which a place's failure is remembered."""
    return f"{NO_CAPACITY}.{region}.{size}".lower()
