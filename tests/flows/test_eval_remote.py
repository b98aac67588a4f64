"""pool-eval on the workers themselves: WAA's client in the container, a command on the VM."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.system import Secret
from world import Run, World

from flows.pool_create import pool_create
from flows.pool_eval import pool_eval
from vmpool.errors import EvalFailedError, UsageError

HOURS = 48
CLIENT = (
    "python run.py --worker_id {worker_index} --num_workers {num_workers} --result_dir {results}"
)
KEY = "sk-never-to-be-seen-anywhere"


@pytest.fixture
def results(world: World, tmp_path: Path) -> Path:
    """Where results go."""
    world.variables["WAA_RESULTS_DIR"] = str(tmp_path / "results")
    world.variables["WAA_LEASE_MINUTES"] = "120"  # 15 are a fifth of a second here
    world.variables["WAA_LEASE_MAX_HOURS"] = str(HOURS)
    return tmp_path / "results"


async def evaluate(world: World, command: str, **parameters: Any) -> Run:
    """Run a command on the workers."""
    given = {"auto_pause_hours": HOURS, "limit_minutes": HOURS * 60} | parameters
    return await world.run(pool_eval, command=command, **given)


def texts(folder: Path) -> dict[Path, str]:
    """All that is written anywhere in a folder, by file."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {file: file.read_bytes().decode(errors="replace") for file in files}


async def test_waas_client_does_its_shards_in_the_containers_with_a_secret_key(
    world: World, results: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await Secret(value=KEY).save("openai-api-key", overwrite=True)
    run = await evaluate(world, CLIENT, workers=2, secrets=["OPENAI_API_KEY"])
    assert (run.status["done"], run.status["scored"]) == (2, 34)
    files = texts(results)
    tasks = [name.parent.name for name in files if name.name == "result.txt"]
    assert len(tasks) == len(set(tasks)) == 34
    assert KEY not in "".join([*files.values(), caplog.text, json.dumps(run.status)])
    assert [world.power(i) for i in (0, 1)] == ["deallocated"] * 2


async def test_cancelled_it_brings_home_what_waas_client_has_done_so_far(
    world: World, results: Path
) -> None:
    await Secret(value=KEY).save("openai-api-key", overwrite=True)
    running = asyncio.create_task(evaluate(world, CLIENT, secrets=["OPENAI_API_KEY"]))
    await world.until(lambda: "Result: " in "".join(texts(results).values()), seconds=60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    files = texts(results)
    assert any(file.name == "result.txt" for file in files)
    (summary,) = [json.loads(text) for file, text in files.items() if file.name == "summary.json"]
    assert [found["detail"] for found in summary["results"]] == ["interrupted"]
    assert world.power(0) == "deallocated"


async def test_a_program_that_is_not_here_is_missed_before_anything_is_made(
    world: World, results: Path
) -> None:
    run = await evaluate(world, "./no-such-agent --fast", where="local")
    assert isinstance(run.error, UsageError)
    assert "./no-such-agent" in str(run.error)
    assert not world.vms()
    assert not texts(results)


@pytest.mark.usefixtures("results")
async def test_a_secret_that_nobody_saved_is_refused_before_anything_is_made(world: World) -> None:
    run = await evaluate(world, CLIENT, secrets=["NOT_SAVED_KEY"])
    assert isinstance(run.error, UsageError)
    assert "not-saved-key" in str(run.error)
    assert not world.vms()


@pytest.mark.usefixtures("results")
async def test_a_command_on_the_vm_brings_its_results_home_and_cancelled_its_pool_is_paused(
    world: World,
) -> None:
    await world.run(pool_create, auto_pause_hours=HOURS)
    run = await evaluate(
        world, "tee {results}/{worker_index}.txt", where="worker", pause_after=False
    )
    folder = Path(run.status["folder"])
    assert (folder / "shard-00" / "0.txt").exists()
    running = asyncio.create_task(evaluate(world, "sleep 900000", where="worker"))
    shell = world.shell(0)
    await world.until(lambda: shell.ask(["pgrep", "sleep"], 20).is_ok, seconds=60)
    shell.close()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert world.power(0) == "deallocated"


@pytest.mark.usefixtures("results")
async def test_a_client_that_fails_in_the_container_fails_its_shard(world: World) -> None:
    run = await evaluate(world, "python run.py --agent_name nobody")
    assert isinstance(run.error, EvalFailedError)
    assert run.error.summary["failed"] == 1
    assert world.power(0) == "deallocated"
