"""Wrong input and trouble: one clear line, the right exit code, no server started for it."""

from __future__ import annotations

import json

import pytest
from command_line import AT_A_TERMINAL, CommandLine, InProcess

USAGE, FAILED, UNKNOWN = 2, 1, 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("pool-pause",), FAILED, "no pool 'waa-pool'"),
        (("pool-resume", "--pool", "other"), FAILED, "no pool 'other'"),
        (("pool-extend", "--hours", "1"), FAILED, "no pool 'waa-pool'"),
        (("pool-cleanup", "-y"), FAILED, "no pool 'waa-pool'"),
        (("pool-pause", "--dry-run"), FAILED, "no pool 'waa-pool'"),
        (("pool-create", "--workers", "0"), USAGE, "0 is not between 1 and 100"),
        (("pool-create", "--workers", "1000"), USAGE, "1000 is not between 1 and 100"),
        (("pool-create", "--min-ready", "2"), USAGE, "--min-ready"),
        (("pool-create", "--auto-pause-hours", "0"), USAGE, "auto-pause"),
        (("pool-create", "--pool", "Bad_Name"), USAGE, "'Bad_Name' is not usable"),
        (("pool-status", "--pool", "-"), USAGE, "'-' is not usable"),
        (("pool-create", "--size", "Nope", "--dry-run"), USAGE, "VM size 'Nope'"),
        (("pool-create", "--region", "moon", "--dry-run"), USAGE, "region 'moon'"),
        (("pool-eval", "--shards", "0", "--", "true"), USAGE, "0 shards"),
        (("pool-eval", "-n", "2", "--min-ready", "3", "--", "true"), USAGE, "--min-ready 3"),
        (("pool-eval", "--", "run", "{worker}"), USAGE, "{worker} stands for nothing"),
        (("pool-eval", "--", "run", "{task}"), USAGE, "without --tasks"),
        (("pool-eval", "--limit-minutes", "0", "--", "true"), USAGE, "0 minutes"),
        (("pool-eval", "--secret", "a-b", "--", "true"), USAGE, "'a-b' is no name"),
        (("pool-eval", "--on", "worker", "--secret", "A", "--", "true"), USAGE, "not the VM"),
        (("pool-eval", "--tasks", "/nowhere", "--", "true"), USAGE, "No such file"),
        (("local", "start", "--speed", "0"), USAGE, "--speed 0"),
    ],
)
def test_one_line_says_what_is_wrong(
    oa_vm: CommandLine, arguments: tuple[str, ...], code: int, words: str
) -> None:
    answer = oa_vm(*arguments)
    assert (answer.code, answer.out) == (code, "")
    assert words in answer.trouble
    assert not (oa_vm.state_dir / "prefect").exists(), "a Prefect server was started for nothing"


def test_what_was_typed_wrong_is_a_usage_error(oa_vm: CommandLine) -> None:
    answer = oa_vm("pool-create", "--workers", "two")
    assert answer.code == USAGE
    assert "--workers" in answer.err


def test_status_without_a_running_azure_is_unknown_not_absent(lone_oa_vm: CommandLine) -> None:
    for arguments in (("pool-status",), ("pool-status", "--json")):
        answer = lone_oa_vm(*arguments)
        assert (answer.code, answer.out) == (UNKNOWN, "")
        assert "oa-vm local start" in answer.trouble


def test_azure_without_a_subscription_says_which_variable(lone_oa_vm: CommandLine) -> None:
    azure = InProcess(lone_oa_vm.state_dir, WAA_CLOUD="azure")
    for command in ("pool-status", "pool-create"):
        answer = azure(command)
        assert answer.code == USAGE
        assert "WAA_SUBSCRIPTION_ID is not set" in answer.trouble


def test_a_setting_that_is_nonsense_names_its_variable(lone_oa_vm: CommandLine) -> None:
    answer = InProcess(lone_oa_vm.state_dir, WAA_OS_DISK_GB="tiny")("pool-status")
    assert answer.code == USAGE
    assert "WAA_OS_DISK_GB" in answer.trouble


def test_down_with_nothing_running_is_fine(lone_oa_vm: CommandLine) -> None:
    answer = lone_oa_vm("down")
    assert (answer.code, answer.out) == (0, "Nothing was running.\n")


def test_a_dry_run_shows_what_the_budget_would_say(oa_vm: CommandLine) -> None:
    poor = InProcess(oa_vm.state_dir, WAA_BUDGET_USD_PER_DAY="0.5")
    rich = InProcess(oa_vm.state_dir, WAA_BUDGET_USD_PER_DAY="50", **AT_A_TERMINAL)
    refused = poor("pool-create", "--dry-run", "--json")
    found = json.loads(refused.out)["budgets"]
    assert [(item["period"], item["budget_usd"], item["is_beyond"]) for item in found] == [
        ("day", 0.5, True)
    ]
    assert found[0]["run_usd"] == pytest.approx(2 * 0.484)
    answer = rich("pool-create", "--dry-run").out
    assert "0.97 until auto-pause" in " ".join(answer.split())
    assert max(len(line) for line in answer.splitlines()) <= 80


def test_a_budget_of_nothing_is_refused(oa_vm: CommandLine) -> None:
    answer = InProcess(oa_vm.state_dir, WAA_BUDGET_USD_PER_DAY="-1")("pool-create")
    assert answer.code == 2
    assert "WAA_BUDGET_USD_PER_DAY" in answer.trouble
