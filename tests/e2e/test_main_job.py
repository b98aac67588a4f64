"""The main job as a person does it: `oa-vm up`, and `prefect deployment run` in another shell."""

from __future__ import annotations

import json

import pytest
from running_stack import Up, kill_flow_process, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

CREATE = {"create-network", "create-vm", "wait-for-ssh", "prepare-docker", "pull-image"}
CREATE |= {"build-image", "start-waa", "wait-for-waa", "open-tunnel"}
RESUME = CREATE - {"create-network", "create-vm"} | {"start-vm"}
PER_WORKER = (
    "Microsoft.Compute/virtualMachines",
    "Microsoft.Compute/disks",
    "Microsoft.Network/networkInterfaces",
    "Microsoft.Network/publicIPAddresses",
)


def run_and_watch(up: Up, flow: str, pool: str, *parameters: str) -> str:
    """Type `prefect deployment run ... --watch`; the run's id."""
    arguments = [f"--param={parameter}" for parameter in (f"pool={pool}", *parameters)]
    done = up.prefect("deployment", "run", f"{flow}/{flow}", *arguments, "--watch")
    assert done.returncode == 0, done.stdout + done.stderr
    body = {"flow_runs": {"name": {"any_": [f"{flow} {pool}"]}}, "sort": "START_TIME_DESC"}
    return str(up.ask("/flow_runs/filter", body)[0]["id"])


def status(up: Up, pool: str) -> tuple[str, list[str]]:
    """The pool's state and its workers' power states, as `pool-status --json` says them."""
    document = json.loads(up.oa_vm("pool-status", "--pool", pool, "--json").out)
    return document["state"], [worker["power_state"] for worker in document["workers"]]


def named(pool: str, phases: set[str]) -> set[str]:
    """Task run names of a pool of two."""
    return {f"{pool}-0{number}: {phase}" for number in (0, 1) for phase in phases}


def test_a_pool_is_created_paused_and_resumed(up: Up) -> None:
    created = run_and_watch(up, "pool-create", "main", "workers=2")
    assert named("main", CREATE) <= set(up.task_names(created))
    assert status(up, "main") == ("ready", ["running"] * 2)

    run_and_watch(up, "pool-pause", "main")
    assert status(up, "main") == ("paused", ["deallocated"] * 2)

    resumed = run_and_watch(up, "pool-resume", "main")
    names = set(up.task_names(resumed))
    assert named("main", RESUME) <= names
    assert not named("main", {"create-vm", "create-network"}) & names
    assert status(up, "main") == ("ready", ["running"] * 2)

    for what, kind in (("timings", "table"), ("chart", "markdown")):
        found = up.ask(
            "/artifacts/latest/filter", {"artifacts": {"key": {"any_": [f"main-{what}"]}}}
        )
        assert [(item["type"], item["flow_run_id"]) for item in found] == [(kind, resumed)]

    told = json.loads(up.oa_vm("timings", "--pool", "main", "--json").out)
    assert [run["scenario"] for run in told["runs"]] == ["warm", "pool-pause", "cold"]

    cost = json.loads(up.oa_vm("pool-status", "--pool", "main", "--json").out)["cost"]
    spent = json.loads(up.oa_vm("costs", "--pool", "main", "--json").out)
    assert [item["pool"] for item in spent["pools"]] == ["main"]
    assert 0 < spent["total"]["usd"] <= cost["total_usd"]

    refused = up.oa_vm("pool-cleanup", "--pool", "main")
    assert (refused.code, refused.out) == (2, "")
    assert "add -y" in refused.trouble


def test_a_create_that_was_killed_is_completed_by_the_next_and_leaves_no_orphan(up: Up) -> None:
    run = up.run("pool-create", {"pool": "killed", "workers": 2})
    until(lambda: "killed-00: pull-image" in up.task_names(run), 90, "the middle of the create")
    kill_flow_process(up.oa_vm.state_dir, run)
    by_id = {"flow_runs": {"id": {"any_": [run]}}}
    until(lambda: up.ask("/flow_runs/filter", by_id)[0]["state_type"] == "CRASHED", 60, "the crash")

    again = up.oa_vm("pool-create", "--pool", "killed", "--workers", "2", "--json")
    assert again.code == 0, again.err
    document = json.loads(again.out)
    assert (document["state"], len(document["workers"])) == ("ready", 2)
    parts = up.parts("killed")
    assert {kind: parts[kind] for kind in PER_WORKER} == dict.fromkeys(PER_WORKER, 2)

    assert up.oa_vm("pool-cleanup", "-y", "--pool", "killed").code == 0
    assert not up.parts("killed")


def test_deployed_is_what_the_file_says_and_the_schedule_makes_runs(up: Up) -> None:
    found = {item["name"]: item for item in up.ask("/deployments/filter")}
    assert set(found) == {
        "pool-create", "pool-pause", "pool-resume", "pool-status", "pool-extend", "pool-keep",
        "pool-cleanup", "pool-eval", "eval-after-resume", "image-create", "image-refresh",
        "image-push", "image-pull", "image-list", "image-delete", "auto-pause", "idle-cleanup",
    }  # fmt: skip
    assert all(item["work_pool_name"] == "local" for item in found.values())
    assert all(not item["pull_steps"] for item in found.values())
    guard = found["auto-pause"]
    assert guard["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert [item["schedule"]["interval"] for item in guard["schedules"]] == [30.0]
    scheduled = {"deployments": {"name": {"any_": ["auto-pause"]}}, "sort": "START_TIME_DESC"}
    until(lambda: up.ask("/flow_runs/filter", scheduled), 60, "a scheduled run")
