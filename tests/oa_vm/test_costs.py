"""`oa-vm costs`: its tables, and what it says when there is nothing to show."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command_line import CommandLine

from oa_vm.costs import print_costs
from vmpool.spending import Record, Spending, spending

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def record(pool: str, day: int, usd: float | None, per_hour: float | None = 0.03) -> Record:
    """A pool that was born on the first day and costs the same each hour."""
    today = None if usd is None else usd / (day + 0.5) / 2
    return Record(
        pool,
        pool,
        "local",
        NOON + DAY * day,
        NOON - DAY / 2,
        usd,
        today,
        per_hour,
        is_estimate=True,
    )


def lines(capsys: pytest.CaptureFixture[str], found: Spending) -> list[str]:
    print_costs(found, is_simulated=True)
    said = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in said) <= 80
    return said


def month(pools: int, name: str = "pool-{}") -> Spending:
    records = [
        record(name.format(number), day, (day + 0.5) * 0.75 * (number + 1))
        for number in range(pools)
        for day in range(30)
    ]
    return spending(records, NOON.date(), (NOON + DAY * 29).date())


def test_a_few_pools_have_a_column_each_beside_the_bars(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = lines(capsys, month(3))
    (day,) = [line for line in said if line.startswith("2026-11-02")]
    assert day.split()[1:5] == ["2.25", "1.50", "0.75", "4.50"]
    assert len(day) > 70, "the dearest day's bar is as long as there is room"
    assert any(line.startswith("All: 132.75 USD in 30 days.") for line in said)


@pytest.mark.parametrize(
    ("pools", "name"), [(12, "pool-{}"), (2, "a-pool-with-quite-a-long-name-{}")]
)
def test_many_pools_and_long_names_fit_a_terminal_too(
    capsys: pytest.CaptureFixture[str], pools: int, name: str
) -> None:
    said = lines(capsys, month(pools, name))
    assert sum(line.startswith(name.format("")) for line in said) == pools


def test_what_is_spread_unknown_or_not_on_record_is_marked_and_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = [record("p", 0, 0.5), record("p", 4, 5.0), record("p", 5, None, None)]
    found = spending(records, NOON.date(), (NOON + DAY * 6).date())
    said = lines(capsys, found)
    figures = [line.split()[1] for line in said if line.startswith("2026-")]
    assert figures[1].startswith("~")
    assert figures[5:] == ["unknown", "-"]
    text = "\n".join(said)
    for words in ("spread evenly", "not all of it is known", "nothing is on record", "estimate"):
        assert words in text
    assert "oa-vm resources" in text


def test_days_before_the_first_record_are_a_sentence_and_no_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = spending([record("p", 0, 0.5)], (NOON - DAY * 29).date(), NOON.date())
    said = lines(capsys, found)
    assert [line.split()[0] for line in said if line.startswith("2026-")] == ["2026-11-01"]
    assert "Nothing is on record before 2026-11-01." in said


def test_without_any_record_one_line_says_so_and_no_server_is_started(
    lone_oa_vm: CommandLine,
) -> None:
    answer = lone_oa_vm("costs")
    assert (answer.code, answer.out) == (0, "")
    assert "No costs yet" in answer.err
    assert list(lone_oa_vm.state_dir.iterdir()) == []


def test_without_any_record_the_document_has_no_pool_and_no_zero(lone_oa_vm: CommandLine) -> None:
    found = json.loads(lone_oa_vm("costs", "--json", "--days", "3").out)
    assert found["pools"] == []
    assert [day["total"] for day in found["days"]] == [None] * 3
    assert found["total"] is None


@pytest.mark.parametrize("arguments", [("--days", "0"), ("--days", "400"), ("--pool", "Bad_Name")])
def test_one_line_says_what_is_wrong(lone_oa_vm: CommandLine, arguments: tuple[str, str]) -> None:
    answer = lone_oa_vm("costs", *arguments)
    assert answer.code == 2
    assert arguments[1] in answer.trouble


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    answer = CommandLine(tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api")("costs")
    assert (answer.code, answer.out) == (1, "")
    assert "http://127.0.0.1:9/api does not tell its runs" in answer.trouble
