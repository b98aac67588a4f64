"""`oa-vm resources` and its hook beside a real local Azure."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import AT_A_TERMINAL, OA_VM, CommandLine, InProcess
from raw_azure import RawAzure

from local_azure import control
from oa_vm.resource_views import MARK

GROUP = "/resourceGroups/waa"
POOL_TAGS = {"waa-pool": "lost", "waa-pool-id": "1", "waa-worker": "lost-00"}
HEAVY = {"prefect", "prefect_azure", "typer", "rich", "httpx", "fabric", "asyncssh", "local_azure"}
"""Each takes longer to load than the hook takes to ask."""
MOST_MODULES = 800
"""It loads some 690, most of them azure-identity's and pydantic's."""


@pytest.fixture
def forgotten(oa_vm: CommandLine) -> Iterator[CommandLine]:
    """A static address that is left of a pool."""
    status = control.status(oa_vm.state_dir / "azure")
    assert status
    raw = RawAzure(status)
    raw.do("PUT", GROUP, {"location": "eastus"})
    body = {
        "location": "eastus",
        "sku": {"name": "Standard"},
        "tags": POOL_TAGS | {"waa-since": "2026-11-20T00:00:00Z"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    path = f"{GROUP}/providers/Microsoft.Network/publicIPAddresses/lost-00-ip"
    raw.do("PUT", path, body)
    yield oa_vm
    raw.do("DELETE", path)


def test_the_hook_says_nothing_when_nothing_is_there(oa_vm: CommandLine) -> None:
    answer = oa_vm("resources", "--hook")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_the_hook_has_a_line_for_a_pool_that_costs(forgotten: CommandLine) -> None:
    answer = forgotten("resources", "--hook")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == (
        "lost left over since 11-20 00:00 UTC, ~0.10 USD/day: oa-vm pool-cleanup --pool lost\n"
    )


def loaded(oa_vm: CommandLine, *arguments: str) -> set[str]:
    """Names of all modules that a command loads, until its very end."""
    command = [sys.executable, "-X", "importtime", str(OA_VM), *arguments]
    done = subprocess.run(
        command, env=oa_vm.environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout, "it has nothing to say"
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_the_hook_loads_little_because_a_shell_waits_for_it(forgotten: CommandLine) -> None:
    found = loaded(forgotten, "resources", "--hook")
    assert "vmpool.arm.inventory" in found
    assert HEAVY & {name.partition(".")[0] for name in found} == set()
    models = {name for name in found if name.startswith("azure.mgmt.")}
    assert {name for name in models if not name.startswith("azure.mgmt.core")} == set()
    assert len(found) < MOST_MODULES


@pytest.mark.parametrize("arguments", [("--hook",), ("--hook", "--json")])
def test_the_hook_gives_no_all_clear_when_azure_is_not_there(
    lone_oa_vm: CommandLine, arguments: tuple[str, ...]
) -> None:
    answer = lone_oa_vm("resources", *arguments)
    assert answer.code == 3
    assert answer.out.startswith("oa-vm: UNKNOWN what runs and costs: local Azure is not running")
    assert not (lone_oa_vm.state_dir / "azure").exists(), "it was started"


def test_the_hook_gives_no_all_clear_when_a_setting_is_wrong(lone_oa_vm: CommandLine) -> None:
    wrong = InProcess(lone_oa_vm.state_dir, WAA_CLOUD="moon")
    answer = wrong("resources", "--hook")
    assert answer.code == 3
    assert "UNKNOWN" in answer.out
    assert len(answer.out.splitlines()) == 1


def test_resources_are_shown_and_written(forgotten: CommandLine) -> None:
    answer = InProcess(forgotten.state_dir, **AT_A_TERMINAL)("resources")
    written = (forgotten.state_dir / "RESOURCES.md").read_text()
    assert answer.code == 0
    assert max(len(line) for line in answer.out.splitlines()) <= 80
    assert "Pool lost in group waa" in answer.out
    assert written.startswith(MARK)
    assert "| lost-00-ip | Microsoft.Network/publicIPAddresses | - | ~0.0042 | ~0.10 |" in written


def test_a_file_of_somebody_elses_is_not_overwritten(oa_vm: CommandLine, tmp_path: Path) -> None:
    theirs = tmp_path / "RESOURCES.md"
    theirs.write_text("# My own\n")
    answer = oa_vm("resources", "--output", str(theirs))
    assert answer.code == 2
    assert "--output" in answer.trouble
    assert theirs.read_text() == "# My own\n"


def test_json_is_one_document_with_the_sum(forgotten: CommandLine) -> None:
    found = json.loads(forgotten("resources", "--json").out)
    lost = next(lot for lot in found["lots"] if lot["pool"] == "lost")
    assert [item["name"] for item in lost["resources"]] == ["lost-00-ip"]
    assert found["total"]["usd_per_day"] == pytest.approx(0.10, abs=1e-4)
    assert found["total"]["is_estimate"]
