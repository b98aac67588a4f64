"""The main job in two minutes on the local Azure: a pool created, paused, resumed, deleted."""

from __future__ import annotations

import time
from typing import Any

from oa_vm import stack
from oa_vm.children import every_end_interrupts
from oa_vm.output import out
from oa_vm.preview import observe_pool
from oa_vm.run import run_flow
from oa_vm.watch import ServerLostError
from vmpool.errors import VmPoolError
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
    began = time.monotonic()
    with every_end_interrupts(), stack.borrowed(settings) as url:
        out.print(f"Prefect UI: {url.removesuffix('/api')}")
        if not observe_pool(settings).is_absent:
            _step(settings, "pool-cleanup", "an interrupted demo left something", {})
        try:
            _step(settings, "pool-create", "from nothing", {"workers": workers})
            _step(settings, "pool-pause", "costs no compute", {})
            _step(settings, "pool-resume", "warm", {})
        except ServerLostError:
            raise
        except VmPoolError:
            _step(settings, "pool-cleanup", "after the failure", {})
            raise
        _step(settings, "pool-cleanup", "nothing is left", {})
    out.print(
        f"\nDone in {time.monotonic() - began:.0f} s. The times above are the cloud's minutes."
    )
    out.print("Every phase is kept in the Prefect UI: [bold]oa-vm up[/] shows it.")


def _step(settings: Settings, flow: str, what: str, parameters: dict[str, Any]) -> None:
    out.print(f"\n[bold]{flow}[/]: {what}")
    run_flow(settings, flow, {"pool": POOL, **parameters})
