"""The main job in two minutes on the local Azure: a pool created, paused, resumed, deleted."""

from __future__ import annotations

from typing import Any

from oa_vm import stack
from oa_vm.output import out
from oa_vm.run import run_flow
from vmpool.settings import CloudKind, Settings, load_settings

POOL = "waa-demo"
"""A pool of its own, so that the demo never touches one that somebody uses."""


def run_demo(workers: int) -> None:
    """Run the demo; what it started it stops, what ran before goes on.

    Args:
        workers: how many workers the pool gets.

    Raises:
        VmPoolError: a step failed.
    """
    settings = load_settings(cloud=CloudKind.LOCAL, pool=POOL)
    with stack.borrowed(settings) as url:
        out.print(f"Prefect UI: {url.removesuffix('/api')}")
        try:
            _step(settings, "pool-create", "from nothing", {"pool": POOL, "workers": workers})
            _step(settings, "pool-pause", "costs no compute", {"pool": POOL})
            _step(settings, "pool-resume", "warm", {"pool": POOL})
        finally:
            _step(settings, "pool-cleanup", "nothing is left", {"pool": POOL})
    out.print("\nDone. Times are minutes on the cloud's clock, which ran fast.")
    out.print("Every phase is in the Prefect UI: run [bold]oa-vm up[/] and open it.")


def _step(settings: Settings, flow: str, what: str, parameters: dict[str, Any]) -> None:
    out.print(f"\n[bold]{flow}[/]: {what}")
    run_flow(settings, flow, parameters)
