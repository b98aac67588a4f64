"""What do the guards cost when there are many pools? Requests, seconds and memory of one sweep.

Starts a local Azure without guests, fills it with VMs that carry a pool's tags (half of the pools
run, half are paused), and counts what one look of auto-pause and one of idle-cleanup ask.

    .venv/bin/python benchmarks/sweep.py [--vms 1000] [--pools 200]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from local_azure import control
from oa_vm.output import out, table
from vmpool import lifetime, tags
from vmpool.arm import machines, network
from vmpool.arm.clients import Cloud, connect
from vmpool.arm.machines import CreateVm
from vmpool.arm.observing import observe_all
from vmpool.arm.strays import list_marked
from vmpool.idle import IdleRules, judge
from vmpool.model import Intent, Place, WorkerTags
from vmpool.naming import os_disk_name, worker_name
from vmpool.orphans import judge_all
from vmpool.settings import CloudKind, Settings

PLACE = Place("Standard_D8ds_v5", "eastus")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0wUXcSIG1oCMBLKhrBtIZ4qe0bwEWDcJw1yHTmJ0qP bench"
AT_ONCE = 8
SPEED = 2000.0
PATIENCE_WALL_SECONDS = 120.0
CORES = 100_000


@dataclass(frozen=True)
class Measured:
    """One look at everything.

    Attributes:
        what: which guard.
        requests: sent to Azure.
        seconds: on the wall.
        found: what it saw.
    """

    what: str
    requests: int
    seconds: float
    found: str


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--vms", type=int, default=1000)
    parser.add_argument("--pools", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="waa-sweep-") as folder:
        settings = Settings(_env_file=None, cloud=CloudKind.LOCAL, state_dir=Path(folder))
        wanted = control.Wanted(speed=SPEED, guests="none")
        status = control.launch(settings.local_state_dir, wanted)
        try:
            fault = {"kind": "quota", "limit": CORES}
            control.ask(status, "POST", "/_local/faults", fault)
            _fill(connect(settings), given.vms, given.pools)
            measured = [
                _measure(settings, "auto-pause", _auto_pause),
                _measure(settings, "idle-cleanup", _idle_cleanup),
            ]
        finally:
            control.stop(settings.local_state_dir)
    title = f"{given.vms} VMs in {given.pools} pools, peak memory {_peak_megabytes():.0f} MB"
    out.print(table(title, [_row(item) for item in measured], numeric=("requests", "seconds")))


def _fill(cloud: Cloud, vms: int, pools: int) -> None:
    began = time.monotonic()
    each = vms // pools
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda number: _make_pool(cloud, f"p{number:03d}", each), range(pools)))
    out.print(f"made {each * pools} VMs in {time.monotonic() - began:.0f} s")


def _make_pool(cloud: Cloud, pool: str, count: int) -> None:
    pool_id = str(uuid.uuid4())
    shared = network.ensure_pool_network(cloud, pool, pool_id, PLACE.region, "127.0.0.1/32")
    begun = []
    for index in range(count):
        worker = worker_name(pool, index)
        made = network.ensure_worker_network(cloud, pool, pool_id, worker, shared, PLACE.region)
        begun.append(
            machines.begin_create(cloud, _request(cloud, pool, pool_id, worker, made.nic_id))
        )
    for operation in begun:
        operation.wait(PATIENCE_WALL_SECONDS)


def _request(cloud: Cloud, pool: str, pool_id: str, worker: str, nic_id: str) -> CreateVm:
    now = cloud.clock.now()
    due = lifetime.deadline(now, 24 * 365)
    written = WorkerTags(pool, pool_id, worker, Intent.READY, now, due)
    return CreateVm(
        name=worker,
        place=PLACE,
        nic_id=nic_id,
        os_disk_name=os_disk_name(worker),
        os_disk_gb=128,
        admin_username="azureuser",
        ssh_public_key=KEY,
        user_data="#cloud-config\n{}\n",
        tags=tags.encode(written),
    )


def _measure(settings: Settings, what: str, look: Callable[[Cloud], str]) -> Measured:
    cloud = connect(settings)
    sent: list[object] = []
    cloud.watchers.append(sent.append)
    began = time.monotonic()
    found = look(cloud)
    return Measured(what, len(sent), time.monotonic() - began, found)


def _auto_pause(cloud: Cloud) -> str:
    pools = observe_all(cloud)
    due = [item for item in pools if lifetime.is_due(item, item.at)]
    coming = [item for item in pools if lifetime.pause_to_warn_of(item, item.at)]
    return f"{len(pools)} pools, {len(due)} due, {len(coming)} to warn of"


def _idle_cleanup(cloud: Cloud) -> str:
    pools = [judge(item, item.at + timedelta(), IdleRules()) for item in observe_all(cloud)]
    workers, parts = list_marked(cloud)
    orphans = judge_all(parts, workers, cloud.clock.now())
    return f"{len(pools)} pools, {len(parts)} parts, {len(orphans)} orphans"


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _row(item: Measured) -> dict[str, str]:
    return {
        "guard": item.what,
        "requests": str(item.requests),
        "seconds": f"{item.seconds:.1f}",
        "found": item.found,
    }


if __name__ == "__main__":
    main()
