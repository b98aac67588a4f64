"""What do the guards cost when there are many pools? Requests, seconds and memory of one sweep.

Starts a local Azure without guests, fills it with running VMs that carry a pool's tags, and counts
what one look of auto-pause and one of idle-cleanup ask, each in a process of its own. Lists do not
grow with the VMs, their pages do: the local Azure's have 50 items.

    .venv/bin/python benchmarks/sweep.py [--vms 1000] [--pools 200]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from local_azure import control
from oa_vm.output import out, table
from vmpool import lifetime, tags
from vmpool.arm import machines, network
from vmpool.arm.clients import Cloud, connect
from vmpool.arm.inventory import pools_everywhere
from vmpool.arm.kinds import PARTS, group_id
from vmpool.arm.machines import CreateVm
from vmpool.arm.observing import observe_all
from vmpool.arm.pipeline import Exchange
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
        lists: of how many it asked.
        requests: sent to Azure: every page of them.
        seconds: on the wall; most of them are the local Azure's.
        cpu_seconds: of the guard.
        peak_mib: the most memory that its process had.
        found: what it saw.
    """

    lists: int
    requests: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
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
            rows = [_row(name, _apart(settings, look)) for name, look in LOOKS.items()]
        finally:
            control.stop(settings.local_state_dir)
    title = f"{given.vms} VMs in {given.pools} pools"
    out.print(table(title, rows, numeric=("lists", "requests", "seconds", "CPU", "MiB")))


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


def _apart(settings: Settings, look: Callable[[Cloud], str]) -> Measured:
    """Measured in a new process: this one's memory has grown by filling."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_measure, settings, look).result()


def _measure(settings: Settings, look: Callable[[Cloud], str]) -> Measured:
    cloud = connect(settings)
    sent: list[Exchange] = []
    cloud.watchers.append(sent.append)
    began, cpu_began = time.monotonic(), time.process_time()
    found = look(cloud)
    seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu_began
    lists = sum("skiptoken" not in exchange.query.lower() for exchange in sent)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(lists, len(sent), seconds, cpu_seconds, peak_mib, found)


def _auto_pause(cloud: Cloud) -> str:
    pools = observe_all(cloud)
    due = [item for item in pools if lifetime.is_due(item, item.at)]
    coming = [item for item in pools if lifetime.pause_to_warn_of(item, item.at)]
    return f"{len(pools)} pools, {len(due)} due, {len(coming)} to warn of"


def _idle_cleanup(cloud: Cloud) -> str:
    """What its three tasks ask: of costs, of idle pools, of what nobody owns."""
    costing = pools_everywhere(cloud, PARTS, group_id(cloud))
    idle = [judge(item, item.at, IdleRules()) for item in observe_all(cloud)]
    workers, parts = list_marked(cloud)
    orphans = judge_all(parts, workers, cloud.clock.now())
    return f"{len(costing)} and {len(idle)} pools, {len(parts)} parts, {len(orphans)} orphans"


LOOKS: dict[str, Callable[[Cloud], str]] = {
    "auto-pause": _auto_pause,
    "idle-cleanup": _idle_cleanup,
}


def _row(name: str, item: Measured) -> dict[str, str]:
    return {
        "guard": name,
        "lists": str(item.lists),
        "requests": str(item.requests),
        "seconds": f"{item.seconds:.1f}",
        "CPU": f"{item.cpu_seconds:.1f}",
        "MiB": f"{item.peak_mib:.0f}",
        "found": item.found,
    }


if __name__ == "__main__":
    main()
