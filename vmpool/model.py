"""The words of the domain as frozen types. No behaviour beyond what a type knows of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from vmpool.golden import Image
from vmpool.guards import Guards
from vmpool.money import Ledger, Prices
from vmpool.spent import Spent


class PowerState(StrEnum):
    """A VM's power state in Azure's words, plus what we say when Azure does not tell."""

    CREATING = "creating"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DEALLOCATING = "deallocating"
    DEALLOCATED = "deallocated"
    UNKNOWN = "unknown"

    @property
    def is_billed(self) -> bool:
        """Whether Azure charges compute in this state (states-billing page); unknown counts."""
        return self not in (self.CREATING, self.DEALLOCATING, self.DEALLOCATED)


class WindowsState(StrEnum):
    """Windows as last seen on a worker; written to its tags."""

    ABSENT = "absent"
    BOOTING = "booting"
    READY = "ready"
    OFF = "off"
    DIRTY = "dirty"
    """Powered off without dockur's marker: the next start reinstalls."""
    UNKNOWN = "unknown"


class PoolState(StrEnum):
    """What `pool-status` says of a whole pool."""

    ABSENT = "absent"
    CREATING = "creating"
    READY = "ready"
    DEGRADED = "degraded"
    PAUSING = "pausing"
    PAUSED = "paused"
    RESUMING = "resuming"
    DELETING = "deleting"
    UNKNOWN = "unknown"


class Intent(StrEnum):
    """What the last operation on a worker set out to do; written before it starts."""

    CREATE = "create"
    RESUME = "resume"
    READY = "ready"
    PAUSE = "pause"
    DELETE = "delete"


class Phase(StrEnum):
    """The steps of bringing a worker up or down; each is a Prefect task of the same name."""

    FIND_CAPACITY = "find-capacity"
    CREATE_NETWORK = "create-network"
    CREATE_VM = "create-vm"
    START_VM = "start-vm"
    WAIT_FOR_SSH = "wait-for-ssh"
    PREPARE_DOCKER = "prepare-docker"
    PULL_IMAGE = "pull-image"
    BUILD_IMAGE = "build-image"
    START_WAA = "start-waa"
    WAIT_FOR_WAA = "wait-for-waa"
    OPEN_TUNNEL = "open-tunnel"
    POWER_OFF_WINDOWS = "power-off-windows"
    DEALLOCATE_VM = "deallocate-vm"
    DELETE_WORKER = "delete-worker"
    DELETE_NETWORK = "delete-network"
    CLEAN_DISK = "clean-disk"
    SCAN_DISK = "scan-disk"
    DEPROVISION = "deprovision"
    GENERALIZE_VM = "generalize-vm"
    CAPTURE_IMAGE = "capture-image"
    PROMOTE_IMAGE = "promote-image"
    DELETE_IMAGE = "delete-image"
    CREATE_REGISTRY = "create-registry"
    PUSH_IMAGE = "push-image"
    BUILD_IN_REGISTRY = "build-in-registry"
    EVAL_UNIT = "eval-unit"


@dataclass(frozen=True)
class Place:
    """A VM size in a region: what capacity is looked for in."""

    size: str
    region: str

    def __str__(self) -> str:
        """`Standard_D8ds_v5 in eastus`, as messages say it."""
        return f"{self.size} in {self.region}"


@dataclass(frozen=True)
class Offer:
    """What Azure says of a size in a region.

    Attributes:
        place: size and region.
        vcpus: virtual processors that one VM takes from the quota.
        family: quota family (`standardDDSv5Family`).
        has_temp_disk: whether the size has a temp disk on /mnt.
        is_nested: whether it can run QEMU with /dev/kvm.
        is_restricted: whether this subscription may not use it there.
    """

    place: Place
    vcpus: int
    family: str
    has_temp_disk: bool
    is_nested: bool
    is_restricted: bool


@dataclass(frozen=True)
class Quota:
    """Free cores in one region.

    Attributes:
        region: Azure region.
        free_by_family: free vCPUs per quota family.
        free_total: free vCPUs of the region over all families.
    """

    region: str
    free_by_family: dict[str, int]
    free_total: int


@dataclass(frozen=True)
class PoolSpec:
    """What somebody wants of a pool.

    Attributes:
        name: pool name, part of every resource's name.
        workers: how many workers it shall have.
        sizes: VM sizes, best first.
        regions: Azure regions, best first.
        auto_pause_hours: hours from create or resume until auto-pause.
        min_ready: how many workers must be ready for success.
        image: golden image that workers in its region are made from, None for bare Ubuntu.
    """

    name: str
    workers: int
    sizes: tuple[str, ...]
    regions: tuple[str, ...]
    auto_pause_hours: float
    min_ready: int
    image: Image | None = None


@dataclass(frozen=True)
class WorkerTags:
    """What a worker's VM tags say, decoded (see `vmpool.tags`).

    Attributes:
        pool: name of the pool.
        pool_id: id recorded for the pool; what we delete must match it.
        worker: name of the worker.
        intent: what the last operation set out to do.
        intent_at: when it did (cloud time).
        auto_pause_at: when auto-pause is due (cloud time), None if no timer is armed.
        windows: Windows as last seen.
        host_key: the SSH host key that the VM was given, `ssh-ed25519 AAAA...`.
        ready_at: when the worker was last seen ready (cloud time).
        prices: what it costs, saved at its launch; None if that is not known.
        ledger: what it has cost, as last written; None if that is not known.
        guards: leases, timers on the server, warnings.
    """

    pool: str
    pool_id: str
    worker: str
    intent: Intent
    intent_at: datetime
    auto_pause_at: datetime | None = None
    windows: WindowsState = WindowsState.UNKNOWN
    host_key: str = ""
    ready_at: datetime | None = None
    prices: Prices | None = None
    ledger: Ledger | None = None
    guards: Guards = field(default_factory=Guards)


@dataclass(frozen=True)
class Worker:
    """One VM of a pool as Azure shows it now.

    Attributes:
        name: worker name, `waa-pool-00`; also the VM's name.
        vm_id: Azure's GUID of this incarnation of the VM.
        resource_id: ARM id.
        place: size and region.
        power_state: as Azure says.
        provisioning_state: outcome of the last operation (`Succeeded`, `Failed`, `Creating`...).
        tags: decoded tags, None if they can't be read (then the VM is reported, not touched).
        ip: public address, "" if it has none.
        created_at: when Azure created it, None if it did not say.
        changed_at: when Azure's last operation on it ended, or began if it runs; None likewise.
    """

    name: str
    vm_id: str
    resource_id: str
    place: Place
    power_state: PowerState
    provisioning_state: str
    tags: WorkerTags | None
    ip: str = ""
    created_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def is_broken(self) -> bool:
        """Whether only deleting and creating again helps: it was never made, or half deleted."""
        tags = self.tags
        if tags is None:
            return False
        is_failed = self.provisioning_state == "Failed" and tags.ready_at is None
        return tags.intent is Intent.DELETE or (is_failed and tags.intent is Intent.CREATE)


@dataclass(frozen=True)
class Leftover:
    """A resource of a pool that is no VM: NIC, IP, disk, NSG, network.

    Attributes:
        resource_id: ARM id.
        type: resource type, as ARM spells it.
        name: resource name.
        region: Azure region.
        pool: pool tag.
        pool_id: pool id tag, "" if it has none.
        worker: worker tag, "" for what belongs to the whole pool.
        created_at: since when it is billed, None if that is not known.
        prices: what it costs, None if its tags don't say.
        spent: on a pool's network: what deleted workers cost, None if nothing is noted.
        orphan_since: when it was first seen without an owner, None if it never was.
    """

    resource_id: str
    type: str
    name: str
    region: str
    pool: str
    pool_id: str
    worker: str
    created_at: datetime | None = None
    prices: Prices | None = None
    spent: Spent | None = None
    orphan_since: datetime | None = None


@dataclass(frozen=True)
class Observed:
    """A pool as the cloud shows it at one moment.

    Attributes:
        pool: pool name.
        at: when (cloud time).
        workers: its VMs by name.
        leftovers: its other resources.
    """

    pool: str
    at: datetime
    workers: tuple[Worker, ...]
    leftovers: tuple[Leftover, ...] = field(default=())

    @property
    def pool_ids(self) -> frozenset[str]:
        """Every pool id found; more than one means that two pools share a name."""
        ids = {worker.tags.pool_id for worker in self.workers if worker.tags}
        return frozenset(ids | {item.pool_id for item in self.leftovers if item.pool_id})

    @property
    def is_absent(self) -> bool:
        """Whether nothing of the pool exists."""
        return not self.workers and not self.leftovers
