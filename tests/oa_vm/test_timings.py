from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import lab_of_runs as lab
import pytest
from command_line import CommandLine
from rich.console import Console
from rich.progress import Progress

from oa_vm.progress import Board, ByName, columns
from oa_vm.run import print_timings
from oa_vm.timings import print_comparison, print_history
from vmpool.forecast import Forecast
from vmpool.history import History
from vmpool.model import Phase
from vmpool.timing import Span

WAYS = (lab.COLD, lab.REGISTRY, lab.FROM_IMAGE, lab.FROM_WINDOWS, lab.WARM, lab.HOT)
HISTORY = History(tuple(lab.run(steps, 40.0) for steps in WAYS))


def test_without_any_run_one_line_says_so_and_no_server_is_started(lone_oa_vm: CommandLine) -> None:
    answer = lone_oa_vm("timings")
    assert (answer.code, answer.out) == (0, "")
    assert "No timings yet" in answer.err
    assert list(lone_oa_vm.state_dir.iterdir()) == []


def test_without_any_run_the_document_is_empty(lone_oa_vm: CommandLine) -> None:
    answer = lone_oa_vm("timings", "--json", "--html", "page.html")
    assert json.loads(answer.out) == {"scenarios": [], "runs": []}
    assert not (lone_oa_vm.state_dir / "page.html").exists()


@pytest.mark.parametrize("arguments", [("--runs", "0"), ("--pool", "Bad_Name")])
def test_one_line_says_what_is_wrong(lone_oa_vm: CommandLine, arguments: tuple[str, str]) -> None:
    answer = lone_oa_vm("timings", *arguments)
    assert answer.code == 2
    assert arguments[1] in answer.trouble


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    answer = CommandLine(tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api")("timings")
    assert (answer.code, answer.out) == (1, "")
    assert "http://127.0.0.1:9/api does not tell its runs" in answer.trouble


def test_the_history_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_history(HISTORY)
    said = capsys.readouterr().out
    assert max(len(line) for line in said.splitlines()) <= 80
    assert said.count("whole run") == len(WAYS)


def test_six_ways_side_by_side_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_comparison(HISTORY)
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 80
    cells = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert cells["create-vm"] == ["66:40"] * 4 + ["-"] * 2
    assert cells["start-vm"] == ["-"] * 4 + ["33:20", "-"]
    assert cells["goal"] == ["-", "-", "15:00", "10:00", "5:00", "2:00"]
    assert cells["by"] == ["hand", "42:00", "37:00", "-", "-", "-", "-"]


def board(history: History) -> tuple[Board, Progress]:
    progress = Progress(console=Console(file=StringIO(), width=80), auto_refresh=False)
    return Board(progress, "pool-resume", Forecast(history, "pool-resume", "p1"), 1.0), progress


def running(phase: Phase, seconds_ago: float) -> Span:
    return Span("p1-00", phase, datetime.now(UTC) - timedelta(seconds=seconds_ago))


def test_a_phase_that_runs_shows_its_time_beside_the_usual_one() -> None:
    shown, progress = board(HISTORY)
    shown.listen(running(Phase.START_VM, 0))
    shown.tick()
    whole, worker = progress.tasks
    assert worker.fields["phase"] == "start-vm 0:00/33:20"
    assert whole.visible
    assert whole.fields["phase"] == "about 127:20 min left"


def drawn(progress: Progress) -> list[str]:
    """What a terminal of 80 columns shows."""
    console = Console(file=StringIO(), width=80)
    console.print(progress.get_renderable())
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_workers_are_shown_in_order_whoever_begins_first() -> None:
    progress = ByName(*columns(), console=Console(file=StringIO(), width=80), auto_refresh=False)
    shown = Board(progress, "pool-resume", Forecast(HISTORY, "pool-resume", "p1"), 1.0)
    for worker in ("p1-01", "p1-02", "p1-00"):
        shown.listen(Span(worker, Phase.START_VM, datetime.now(UTC)))
    shown.tick()
    names = [line[:11].rstrip() for line in drawn(progress)]
    assert names == ["all workers", "p1-00", "p1-01", "p1-02"]


def test_an_error_with_brackets_in_it_is_shown_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = datetime.now(UTC)
    done = Span("p1-00", Phase.CREATE_VM, began, began)
    print_timings("pool-create", "p1", [done, replace(done, error="[/opt] is full")], History())
    assert "[/opt] is full" in capsys.readouterr().err


@pytest.mark.parametrize("worker", ["waa-pool-00", f"{'p' * 40}-00"])
def test_no_phase_that_runs_is_cut_in_a_terminal_of_80_columns(worker: str) -> None:
    history = History((lab.run(lab.COLD, 60.0),))
    progress = Progress(*columns(), console=Console(file=StringIO(), width=80), auto_refresh=False)
    shown = Board(progress, "pool-create", Forecast(history, "pool-create", "p1"), 1.0)
    now = datetime.now(UTC)
    for phase in (Phase.CREATE_VM, Phase.WAIT_FOR_SSH, Phase.POWER_OFF_WINDOWS):
        shown.listen(Span(worker, phase, now - timedelta(minutes=123)))
    said = " ".join(drawn(progress))
    assert all(phase in said for phase in ("create-vm", "wait-for-ssh", "power-off-windows"))
    assert "…" not in said


def test_without_history_nothing_is_expected() -> None:
    shown, progress = board(History())
    shown.listen(running(Phase.START_VM, 0))
    shown.tick()
    whole, worker = progress.tasks
    assert worker.fields["phase"] == "start-vm 0:00"
    assert not whole.visible


def test_the_clock_goes_on_between_two_events(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, progress = board(HISTORY)
    shown.listen(running(Phase.START_VM, 0))
    heard = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: heard + 60.0)
    shown.tick()
    assert progress.tasks[1].fields["phase"] in ("start-vm 1:00/33:20", "start-vm 0:59/33:20")
