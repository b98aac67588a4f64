from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.histories import Compared, live
from local_azure import control
from local_azure.control import Wanted
from tasks import session
from vmpool.settings import Settings

HISTORIES = 24


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Compared]]:
    """Random lives of pools; `benchmarks/cost_accuracy.py` lives a thousand."""
    folder = tmp_path_factory.mktemp("histories")
    settings = Settings(_env_file=None, state_dir=folder)
    status = control.launch(Path(settings.local_state_dir), Wanted(speed=100, guests="none"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "FEWEST_WALL_SECONDS", 0.05)
        yield asyncio.run(live(status, settings, seed=7, count=HISTORIES, rounds=3))
    control.stop(Path(settings.local_state_dir))


def test_what_is_tracked_is_what_the_meter_charged(histories: list[Compared]) -> None:
    """Whoever dies between a change and its note; every VM, disk and address of the pool."""
    assert [item for item in histories if not item.is_right] == []


def test_the_histories_cost_something_and_processes_died_in_them(histories: list[Compared]) -> None:
    steps = [step for item in histories for step in item.steps]
    assert sum(item.true > 0.1 for item in histories) > HISTORIES / 2
    assert any("dies before" in step for step in steps)
    assert any("dies after" in step for step in steps)
