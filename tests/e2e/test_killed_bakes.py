"""A bake whose process is killed, again and again, each time further on; then one that is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect import get_client
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from local_azure import control
from local_azure.control import Wanted
from tasks.bake import BUILDER, CANARY
from vmpool.naming import BAKE_POOL, lock_name

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SPEED = 4000.0
FLOW = Path(__file__).parent.parent / "killed_flow.py"
KILLS = (
    (BUILDER, "create-vm"),
    (BUILDER, "build-image"),
    (BUILDER, "deprovision"),
    (BUILDER, "generalize-vm"),
    (BUILDER, "capture-image"),
    (CANARY, "create-vm"),
    (BAKE_POOL, "promote-image"),
)
"""Where a process ends: each of these leaves something else behind."""


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """WAA_STATE_DIR with a fast local Azure, and a Prefect server beside it."""
    folder = tmp_path_factory.mktemp("killed")
    with prefect_test_harness(server_startup_timeout=90):
        control.launch(folder / "azure", Wanted(speed=SPEED))
        try:
            yield folder
        finally:
            control.stop(folder / "azure")


async def bake(state_dir: Path, worker: str, phase: str) -> int:
    """Bake in a process that is killed in the middle of a phase; its exit code.

    The lock of the one before is let go at once: it would last for a minute, by Prefect's choice.
    """
    async with get_client() as client:
        await client.upsert_global_concurrency_limit_by_name(lock_name(BAKE_POOL), 1)
        await client.delete_global_concurrency_limit_by_name(lock_name(BAKE_POOL))
    environment = {
        **os.environ,
        "WAA_STATE_DIR": str(state_dir),
        "PREFECT_API_URL": PREFECT_API_URL.value(),
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
    }
    command = [sys.executable, str(FLOW), "image_create", worker, phase]
    done = subprocess.run(  # noqa: ASYNC221 # nothing else runs here
        command, env=environment, cwd=state_dir, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-2000:]
    return done.returncode


def billed(state_dir: Path) -> set[str]:
    """Names of what costs anything now."""
    rows = control.meter(state_dir / "azure")["resources"]
    return {row["id"].rpartition("/")[2] for row in rows if row["usd_per_hour"]}


async def test_after_bakes_killed_in_each_phase_the_next_leaves_only_images_billing(
    state_dir: Path,
) -> None:
    codes = [await bake(state_dir, worker, phase) for worker, phase in KILLS]
    assert codes == [-signal.SIGKILL] * len(KILLS)
    assert await bake(state_dir, "", "") == 0
    left = billed(state_dir)
    assert left
    assert all(name.startswith("waa-image-") for name in left), left
    assert len(left) <= 2
