"""The sole codec between the model and Azure's tags. Every key is documented here.

Azure allows 50 tags a resource, 256 characters a value, no `< > % & ?` or slashes in names, and
compares names without case. Tags are plain text that everybody with read access sees: no secrets.
Times are written as UTC, ISO 8601, whole seconds.
"""

from __future__ import annotations

from datetime import datetime

from vmpool import golden
from vmpool.golden import Image, ImageState
from vmpool.guards import Guards, Lease, ServerTimer, TimerKind
from vmpool.model import Intent, WindowsState, WorkerTags
from vmpool.moments import format_time as format_time  # noqa: PLC0414 # read here by everybody
from vmpool.moments import parse_time as parse_time  # noqa: PLC0414 # same
from vmpool.money import Ledger, Prices

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
PRICES = "waa-prices"
"""What a worker costs per hour, saved at its launch; on the VM, its disk and its address."""
LEDGER = "waa-ledger"
"""How long Azure has billed the VM, until when, in which state; see `vmpool.ledger`."""
SINCE = "waa-since"
"""On an address: when it was created. Azure does not tell that of addresses."""
SPENT = "waa-spent"
"""On a pool's network: what deleted workers cost; `waa-spent.0`... those being deleted."""
LEASE_HOLDER = "waa-lease-holder"
"""On the VMs of a pool that somebody works on: who."""
LEASE_SINCE = "waa-lease-since"
"""Since when."""
LEASE_UNTIL = "waa-lease-until"
"""Until when the holder answers for it; the heartbeat moves it."""
LEASE_ENDS = "waa-lease-ends"
"""When the lease ends for good, whatever the heartbeat says."""
SERVER_TIMER = "waa-server-timer"
"""The timer that Azure holds: kind, moment, ids of its operations; `none` with Azure's code."""
WARNED_OF = "waa-warned-of"
"""The pause that was last warned of: each is warned of once."""
IDLE_WARNED_AT = "waa-idle-warned-at"
"""When it was last said that the paused pool lies idle."""
DELETION_WARNED_AT = "waa-deletion-warned-at"
"""When it was said that the paused pool will be deleted."""
KEEP = "waa-keep"
"""`true` if the pool is never deleted for being idle."""
ORPHAN_SINCE = "waa-orphan-since"
"""On what seems to belong to nobody: when that was first seen."""
IMAGE_STATE = "waa-image-state"
"""On a golden image: candidate, current, previous or failed. What has none is nobody's of ours."""
IMAGE_CREATED_AT = "waa-image-created-at"
"""When it was captured."""
IMAGE_DOCKER = "waa-image-docker"
"""Name of the Docker image on it; the tag is the digest of our build context."""
IMAGE_WINDOWS = "waa-image-windows"
"""`off` if Windows is on it and was powered off in order, else `absent`."""
IMAGE_BOOT_SECONDS = "waa-image-boot-seconds"
"""Cloud seconds that its canary took from create to ready."""
IMAGE_SOURCE = "waa-image-source"
"""What it was baked from: `bare`, or the name of the worker whose disk it is."""
IMAGE_DOCKER_ID = "waa-image-docker-id"
"""Digest of the Docker image on it."""
IMAGE_BASE_DIGEST = "waa-image-base-digest"
"""Digest of the base image with the WAA client (WAA_BASE_IMAGE) that it was built from."""
IMAGE_WINDOWS_DIGEST = "waa-image-windows-digest"
"""Digest of the base image with Windows (WAA_WINDOWS_IMAGE) that it was built from."""
REGISTRY = "waa-registry"
"""On a container registry: `yes` if we made it."""
BUDGET = "waa-budget"
"""On the resource group: what pools had spent this day and month when last looked at."""
NO_CAPACITY = "waa-no-capacity"
"""On the resource group: `waa-no-capacity.<region>.<size>` = until when the place is avoided."""


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
        PRICES: tags.prices.encode() if tags.prices else "",
        LEDGER: tags.ledger.encode() if tags.ledger else "",
        **encode_guards(tags.guards),
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
        prices=Prices.decode(found.get(PRICES)),
        ledger=Ledger.decode(found.get(LEDGER)),
        guards=_guards(found),
    )


def _windows(text: str | None) -> WindowsState:
    try:
        return WindowsState(text or "")
    except ValueError:
        return WindowsState.UNKNOWN


def encode_guards(guards: Guards) -> dict[str, str]:
    """The tags of leases, timers and warnings; what there is not is left out."""
    written = {
        SERVER_TIMER: encode_timer(guards.server) if guards.server else "",
        WARNED_OF: _text(guards.warned_of),
        IDLE_WARNED_AT: _text(guards.idle_warned_at),
        DELETION_WARNED_AT: _text(guards.deletion_warned_at),
        KEEP: "true" if guards.is_kept else "",
    }
    lease = encode_lease(guards.lease) if guards.lease else {}
    return lease | {key: value for key, value in written.items() if value}


def encode_lease(lease: Lease) -> dict[str, str]:
    """The tags of a lease."""
    return {
        LEASE_HOLDER: lease.holder,
        LEASE_SINCE: format_time(lease.since),
        LEASE_UNTIL: format_time(lease.until),
        LEASE_ENDS: format_time(lease.ends),
    }


def encode_timer(timer: ServerTimer) -> str:
    """The value of the server timer's tag: `computeschedule 2026-11-24T23:30:00Z ID ID`."""
    words = [timer.kind.value, _text(timer.at), *timer.ids, timer.reason]
    return " ".join(word for word in words if word)


def decode_timer(text: str | None) -> ServerTimer | None:
    """What `encode_timer` wrote, None if there is nothing that can be read."""
    word, *rest = (text or "").split() or [""]
    try:
        kind = TimerKind(word)
    except ValueError:
        return None
    if kind in (TimerKind.NONE, TimerKind.OFF):
        return ServerTimer(kind, reason=" ".join(rest))
    at = parse_time(rest[0] if rest else None)
    return ServerTimer(kind, at, tuple(rest[1:])) if at else None


def _guards(found: dict[str, str]) -> Guards:
    return Guards(
        lease=_lease(found),
        server=decode_timer(found.get(SERVER_TIMER)),
        warned_of=parse_time(found.get(WARNED_OF)),
        idle_warned_at=parse_time(found.get(IDLE_WARNED_AT)),
        deletion_warned_at=parse_time(found.get(DELETION_WARNED_AT)),
        is_kept=found.get(KEEP, "").lower() == "true",
    )


def _lease(found: dict[str, str]) -> Lease | None:
    """The lease, None if there is none: one whose tags are damaged must keep nothing running."""
    since, until = parse_time(found.get(LEASE_SINCE)), parse_time(found.get(LEASE_UNTIL))
    ends = parse_time(found.get(LEASE_ENDS))
    if since is None or until is None or ends is None:
        return None
    return Lease(found.get(LEASE_HOLDER, ""), since, until, ends)


def _text(moment: datetime | None) -> str:
    return format_time(moment) if moment else ""


def encode_image(image: Image) -> dict[str, str]:
    """Every tag of a golden image."""
    written = {
        IMAGE_STATE: image.state.value,
        IMAGE_CREATED_AT: format_time(image.created_at),
        IMAGE_DOCKER: image.docker_image,
        IMAGE_WINDOWS: (WindowsState.OFF if image.has_windows else WindowsState.ABSENT).value,
        IMAGE_BOOT_SECONDS: "" if image.boot_seconds is None else str(image.boot_seconds),
        IMAGE_DOCKER_ID: image.docker_id,
        IMAGE_BASE_DIGEST: image.base_digest,
        IMAGE_WINDOWS_DIGEST: image.windows_digest,
        IMAGE_SOURCE: image.source,
    }
    return {key: value for key, value in written.items() if value}


def decode_image(
    name: str, resource_id: str, region: str, size_gb: int, tags: dict[str, str] | None
) -> Image | None:
    """What an image's tags say.

    Args:
        name: resource name.
        resource_id: ARM id.
        region: Azure region.
        size_gb: size of its OS disk in GB.
        tags: as Azure returns them.

    Returns:
        The image, None if it is not one of ours or its tags were damaged.
    """
    found = {key.lower(): value for key, value in (tags or {}).items()}
    created_at, boot = parse_time(found.get(IMAGE_CREATED_AT)), found.get(IMAGE_BOOT_SECONDS, "")
    try:
        state = ImageState(found.get(IMAGE_STATE, ""))
    except ValueError:
        return None
    if created_at is None:
        return None
    return Image(
        name=name,
        resource_id=resource_id,
        region=region,
        size_gb=size_gb,
        state=state,
        created_at=created_at,
        docker_image=found.get(IMAGE_DOCKER, ""),
        has_windows=found.get(IMAGE_WINDOWS) == WindowsState.OFF,
        boot_seconds=int(boot) if boot.isdecimal() else None,
        docker_id=found.get(IMAGE_DOCKER_ID, ""),
        base_digest=found.get(IMAGE_BASE_DIGEST, ""),
        windows_digest=found.get(IMAGE_WINDOWS_DIGEST, ""),
        source=found.get(IMAGE_SOURCE, golden.BARE),
    )


def part_tags(pool: str, pool_id: str, worker: str = "") -> dict[str, str]:
    """Tags of a resource that is no VM; `worker` empty for what belongs to the whole pool."""
    tags = {POOL: pool, POOL_ID: pool_id}
    return tags | {WORKER: worker} if worker else tags


def no_capacity_key(region: str, size: str) -> str:
    """Tag name on the resource group under which a place's failure is remembered."""
    return f"{NO_CAPACITY}.{region}.{size}".lower()
