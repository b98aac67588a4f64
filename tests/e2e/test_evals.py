"""Evaluations as deployments: started by a trigger, cancelled in Prefect, killed."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import OA_VM
from raw_azure import RawAzure
from running_stack import Up, kill_flow_process, until

from local_azure import control

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SAVE_KEY = (
    "from prefect.blocks.system import Secret; "
    "Secret(value='none').save('openai-api-key', overwrite=True)"
)
FOR_EVER = {"command": "sleep 10000000", "where": "worker", "limit_minutes": 100_000}


def status(up: Up, pool: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(up.oa_vm("pool-status", "--pool", pool, "--json").out)
    return found


def test_a_resume_starts_the_example_evaluation_which_pauses_the_pool(up: Up) -> None:
    subprocess.run(
        [OA_VM.parent / "python", "-c", SAVE_KEY],
        env={**up.oa_vm.environment, "PREFECT_API_URL": up.api},
        cwd=up.oa_vm.state_dir,
        check=True,
    )
    assert up.oa_vm("pool-create", "--pool", "evals").code == 0
    assert up.oa_vm("pool-pause", "--pool", "evals").code == 0
    by_trigger = {"deployments": {"name": {"any_": ["eval-after-resume"]}}}
    assert up.ask("/flow_runs/filter", by_trigger) == []

    resumed = up.prefect(
        "deployment", "run", "pool-resume/pool-resume", "--param", "pool=evals", "--watch"
    )
    assert resumed.returncode == 0, resumed.stdout
    until(
        lambda: (
            [run["state_type"] for run in up.ask("/flow_runs/filter", by_trigger)] == ["COMPLETED"]
        ),
        120,
        "the evaluation that the resume starts",
    )
    assert status(up, "evals")["state"] == "paused"
    (run,) = up.ask("/flow_runs/filter", by_trigger)
    artifacts = up.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    (found,) = [item for item in artifacts if item["key"] == "evals-eval"]
    assert "1 of 1 done" in found["description"]
    folder = Path(re.findall(r"Results are in `(.+)`", found["data"])[0])
    assert len(list(folder.rglob("result.txt"))) == 34, "a run's own folder goes with it"
    assert up.oa_vm("pool-cleanup", "-y", "--pool", "evals").code == 0


def cancel(up: Up, run: str) -> None:
    assert up.prefect("flow-run", "cancel", run).returncode == 0


def kill(up: Up, run: str) -> None:
    kill_flow_process(up.oa_vm.state_dir, run)


@pytest.mark.parametrize(("end", "state"), [(cancel, "CANCELLED"), (kill, "CRASHED")])
def test_an_evaluation_that_is_cut_off_gives_back_its_lease_and_its_pool_is_paused(
    up: Up, end: Callable[[Up, str], None], state: str
) -> None:
    pool = state.lower()
    run = up.run("pool-eval", {"pool": pool, **FOR_EVER})
    until(lambda: f"{pool}-00: shard-00" in up.task_names(run), 120, "the evaluation")
    assert status(up, pool)["lease"]
    end(up, run)
    until(lambda: status(up, pool)["state"] == "paused", 90, "the pause")
    assert status(up, pool)["lease"] is None
    by_id = {"flow_runs": {"id": {"any_": [run]}}}
    until(lambda: up.ask("/flow_runs/filter", by_id)[0]["state_type"] == state, 60, state)
    assert up.oa_vm("pool-cleanup", "-y", "--pool", pool).code == 0


def test_an_evaluation_that_is_cancelled_while_it_pauses_its_pool_has_it_paused_all_the_same(
    up: Up,
) -> None:
    """Its lease is given back by then; SIGTERM ends the pause, too."""
    pool, azure = "late", control.status(up.oa_vm.state_dir / "azure")
    assert azure
    assert up.oa_vm("pool-create", "--pool", pool).code == 0
    frozen = {"kind": "windows-frozen"}  # its power off takes half a minute
    RawAzure(azure).fault(kind="guest", vm=f"{pool}-00", fault=frozen)
    run = up.run("pool-eval", {"pool": pool, "command": "true", "where": "worker"})
    powers_off = {"task_runs": {"name": {"any_": [f"{pool}-00: power-off-windows"]}}}
    until(lambda: up.ask("/task_runs/filter", powers_off), 120, "the pause")
    cancel(up, run)
    until(lambda: status(up, pool)["state"] == "paused", 90, "the pause by another run")
    assert up.oa_vm("pool-cleanup", "-y", "--pool", pool).code == 0
