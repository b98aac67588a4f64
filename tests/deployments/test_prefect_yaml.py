"""prefect.yaml names every flow once, as it is called, and nothing of this machine."""

from __future__ import annotations

import importlib
import inspect
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger

from deployments.schedules import SHORTEST, TAG, local_interval
from deployments.work_pool import WORK_POOL
from oa_vm.up import deployments_file
from vmpool.settings import Settings

FILE = yaml.safe_load(deployments_file().read_text())
KEYS = {
    "name", "entrypoint", "description", "tags", "work_pool", "parameters", "schedules",
    "concurrency_limit", "triggers",
}  # fmt: skip


def is_flow(name: str) -> bool:
    """Whether a file of flows/ holds a flow; what flows stand on is there too."""
    return isinstance(getattr(importlib.import_module(f"flows.{name}"), name), Flow)


def is_example(entry: dict[str, Any]) -> bool:
    """Whether a deployment only shows how a chain is made."""
    return "example" in entry["tags"]


def test_every_flow_is_deployed_once() -> None:
    modules = {path.stem for path in Path("flows").glob("[a-z]*.py")}
    flows = {name for name in modules if is_flow(name)}
    deployed = [
        entry["name"].replace("-", "_") for entry in FILE["deployments"] if not is_example(entry)
    ]
    assert sorted(deployed) == sorted(flows)


@pytest.mark.parametrize("entry", FILE["deployments"], ids=lambda entry: entry["name"])
def test_deployment_is_named_like_its_flow_and_gives_it_parameters_that_it_has(
    entry: dict[str, Any],
) -> None:
    assert set(entry) <= KEYS, "Prefect ignores keys that it does not know"
    module, _, function = entry["entrypoint"].rpartition(".")
    flow = getattr(importlib.import_module(module), function)
    assert flow.name == entry["name"] or is_example(entry)
    assert set(entry.get("parameters", {})) <= set(inspect.signature(flow.fn).parameters)
    assert TAG in entry["tags"]
    assert entry["work_pool"]["name"] == WORK_POOL
    assert entry["description"]


def test_no_trigger_fires_for_a_pool_of_the_usual_name_or_for_what_it_starts_itself() -> None:
    triggers = [trigger for entry in FILE["deployments"] for trigger in entry.get("triggers", [])]
    assert triggers
    for trigger in triggers:
        match = DeploymentEventTrigger.model_validate(trigger).match
        assert match["prefect.resource.id"] != [f"waa.pool.{Settings().pool}"]
        assert match["waa.flow"] == ["pool-resume"]


def test_nothing_is_pulled_from_a_path_of_this_machine() -> None:
    assert FILE["pull"] == []


@pytest.mark.parametrize(
    ("interval", "speed", "wall"),
    [(300, 1, 300), (300, 2, 150), (300, 60, SHORTEST.seconds), (5, 60, 5)],
)
def test_schedules_follow_the_local_clock_but_leave_the_machine_time(
    interval: float, speed: float, wall: float
) -> None:
    assert local_interval(timedelta(seconds=interval), speed) == timedelta(seconds=wall)
