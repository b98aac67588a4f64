"""pool-eval: work on each worker from when it is ready, results home, the pool paused."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import World

from flows.pool_eval import pool_eval


@pytest.fixture
def results(world: World, tmp_path: Path) -> Path:
    """Where results go."""
    world.variables["WAA_RESULTS_DIR"] = str(tmp_path / "results")
    return tmp_path / "results"


async def test_a_local_command_reaches_each_worker_through_its_tunnel(
    world: World, results: Path
) -> None:
    run = await world.run(
        pool_eval,
        command="sh -c 'curl -sf $WAA_ENDPOINT/probe > {results}/said; echo shard {worker_index}'",
        where="local",
        workers=2,
    )
    assert (run.status["done"], run.status["units"]) == (2, 2)
    folder = Path(run.status["folder"])
    assert folder.parent == results
    assert all("operational" in (folder / f"shard-0{i}/said").read_text() for i in range(2))
    assert (folder / "shard-01.log").read_text() == "shard 1\n"
    assert [world.power(i) for i in range(2)] == ["deallocated"] * 2
