from __future__ import annotations

from typing import Any

from vmpool.eval_report import Share, headline, markdown, notes, problems, rows, summary
from vmpool.evals import Board, Unit, listed, shards


def told(units: tuple[Unit, ...], busy: dict[str, float], **lost: str) -> dict[str, Any]:
    """The document after the first worker has done all units."""
    board = Board(units)
    first = next(iter(busy))
    while board.take(first):
        board.finish(first, seconds=60.0)
    shares = [
        Share(worker, seconds, 0.25, lost.get(worker.replace("-", "_"), ""))
        for worker, seconds in busy.items()
    ]
    found = summary(board, shares, {}, 2470.0, 2.31)
    return {"pool": "p1", "folder": "results/p1"} | found


def test_a_worker_without_a_shard_is_said_to_have_been_too_slow_not_to_have_failed() -> None:
    found = told(shards(2), {"p1-00": 120.0, "p1-01": 0.0})
    assert notes(found) == ["p1-01: no shard, the others were quicker"]
    assert "- p1-01: no shard, the others were quicker" in markdown(found)


def test_without_a_listed_task_it_is_called_a_task() -> None:
    found = told(listed(["clock/a", "clock/b"]), {"p1-00": 120.0, "p1-01": 0.0})
    assert notes(found) == ["p1-01: no task, the others were quicker"]


def test_nobody_was_quicker_where_a_worker_was_lost_or_work_is_left() -> None:
    assert notes(told(shards(2), {"p1-00": 120.0, "p1-01": 0.0}, p1_01="no route")) == []
    called_off = Board(shards(2))
    called_off.call_off("interrupted")
    left = summary(called_off, [Share("p1-00", 0, 0, ""), Share("p1-01", 0, 0, "")], {}, 1.0, 0.0)
    assert notes(left) == []


def test_a_worker_that_did_not_become_ready_is_in_the_table_and_said_to_be_missing() -> None:
    board = Board(shards(1))
    board.take("p1-00")
    board.finish("p1-00", seconds=60.0)
    workers = [Share("p1-00", 60.0, 0.5, ""), Share("p1-01", 0.0, 0.25, "", is_ready=False)]
    found = summary(board, workers, {}, 600.0, 0.75)
    assert [row[""] for row in rows(found)] == ["", "not ready", ""]
    assert problems(found) == ["p1-01 did not become ready"]
    assert notes(found) == []


def test_the_headline_says_that_time_and_cost_are_of_everything() -> None:
    found = told(shards(2), {"p1-00": 120.0})
    assert headline("p1", found) == "p1: 2 of 2 done; 41:10 min and 2.31 USD in all"
