"""The work of an evaluation: every unit ends once, whoever is lost on the way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool.errors import UsageError
from vmpool.evals import (
    MOST_LOSSES,
    Board,
    End,
    check_numbers,
    listed,
    shards,
    task_names,
    waa_list,
)

WORKERS = ("w-00", "w-01", "w-02")
STEPS = st.lists(
    st.tuples(st.sampled_from(WORKERS), st.sampled_from(("take", "done", "fail", "lose"))),
    max_size=60,
)


def play(board: Board, steps: list[tuple[str, str]]) -> set[str]:
    """Let workers take, finish and lose units; those that do one at the end."""
    busy: set[str] = set()
    for worker, step in steps:
        if step == "take":
            if worker not in busy and board.take(worker):
                busy.add(worker)
        elif worker in busy:
            busy.remove(worker)
            if step == "lose":
                board.lose(worker, "gone")
            else:
                board.finish(worker, "exit code 1" if step == "fail" else "", 1.0)
    return busy


@given(count=st.integers(1, 8), steps=STEPS)
def test_every_unit_ends_exactly_once_whatever_happens(
    count: int, steps: list[tuple[str, str]]
) -> None:
    units = shards(count)
    board = Board(units)
    play(board, steps)
    board.call_off("no worker is left")
    assert sorted(record.unit.name for record in board.records) == [unit.name for unit in units]
    assert board.is_over


@given(count=st.integers(1, 8), steps=STEPS)
def test_no_unit_is_lost_while_workers_go_on(count: int, steps: list[tuple[str, str]]) -> None:
    board = Board(shards(count))
    busy = play(board, steps)
    for worker in busy:
        board.finish(worker)
    while board.take("w-09"):
        board.finish("w-09")
    assert board.is_over
    assert all(record.end is not End.NOT_DONE for record in board.records)
    assert len(board.records) == count


@given(count=st.integers(1, 8), steps=STEPS)
def test_nobody_does_a_unit_that_another_one_does(count: int, steps: list[tuple[str, str]]) -> None:
    board = Board(shards(count))
    doing = {}
    for worker, step in steps:
        if step == "take" and worker not in doing:
            unit = board.take(worker)
            if unit:
                assert unit not in doing.values()
                doing[worker] = unit
        elif step != "take" and doing.pop(worker, None):
            board.lose(worker, "gone") if step == "lose" else board.finish(worker)


def test_a_unit_of_a_lost_worker_comes_next() -> None:
    board = Board(listed(["a", "b", "c"]))
    assert board.take("w-00")
    board.lose("w-00", "gone")
    unit = board.take("w-01")
    assert unit
    assert (unit.name, board.tries(unit)) == ("a", 1)


def test_a_unit_that_loses_every_worker_is_given_up() -> None:
    board = Board(listed(["poison", "b"]))
    for number in range(MOST_LOSSES):
        assert board.take(f"w-{number}") == listed(["poison"])[0]
        board.lose(f"w-{number}", "gone")
    (record,) = board.records
    assert (record.end, record.losses) == (End.FAILED, MOST_LOSSES)
    assert "lost workers" in record.detail
    unit = board.take("w-9")
    assert unit
    assert unit.name == "b"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("chrome/1\n# a comment\n\n vlc/2  # why\n", ["chrome/1", "vlc/2"]),
        ('{"chrome": ["1", "2"], "vlc": ["3"]}', ["chrome/1", "chrome/2", "vlc/3"]),
        ('["a", "b"]', ["a", "b"]),
        ("", []),
    ],
)
def test_tasks_are_listed_in_lines_or_in_json(text: str, names: list[str]) -> None:
    assert task_names(text) == names


@pytest.mark.parametrize("text", ["{", "[1]", '{"chrome": 1}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        task_names(text)


def test_one_task_is_listed_as_waa_lists_many() -> None:
    assert json.loads(waa_list("chrome/1")) == {"chrome": ["1"]}


@pytest.mark.parametrize(
    "tasks", [[], ["a", "a"], ["/a"], ["../a"], ["a/../b"], ["a b"], ["-rf"], ["a/"], ["$(x)"]]
)
def test_a_task_must_have_a_name_of_its_own_that_is_a_path(tasks: list[str]) -> None:
    with pytest.raises(UsageError):
        listed(tasks)


@pytest.mark.parametrize(
    ("tasks", "count", "workers", "ready"),
    [
        (["a"], 2, None, 1),
        (None, 0, None, 1),
        (None, 100_000, None, 1),
        (None, None, 0, 1),
        (None, None, 101, 1),
        (None, None, 2, 3),
        (None, None, None, 0),
    ],
)
def test_numbers_that_make_no_evaluation_are_refused(
    tasks: list[str] | None, count: int | None, workers: int | None, ready: int
) -> None:
    with pytest.raises(UsageError):
        check_numbers(tasks, count, workers, ready)
