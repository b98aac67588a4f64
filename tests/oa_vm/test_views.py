from __future__ import annotations

from datetime import timedelta

import pytest

from oa_vm.output import out, table
from oa_vm.views import describe_length, print_workers


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "0 min"),
        (59.6, "1 h 00 min"),
        (125, "2 h 05 min"),
        (47 * 60 + 59, "47 h 59 min"),
        (76 * 60, "3 days 4 h"),
    ],
)
def test_a_length_of_time_is_said_in_the_units_that_matter(minutes: float, words: str) -> None:
    assert describe_length(timedelta(minutes=minutes)) == words


def test_workers_in_different_states_fit_a_terminal_and_no_address_is_broken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    states = [("ready", "running"), ("deallocated", "deallocated")]
    workers = [
        {
            "name": f"waa-pool-0{number}",
            "state": state,
            "power_state": power,
            "windows": "booting",
            "ip": "127.156.200.196",
            "size": "Standard_D8ds_v5",
            "region": "westeurope",
        }
        for number, (state, power) in enumerate(states)
    ]
    print_workers(workers)
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[1:4] for row in rows] == [
        ["ready", "running", "booting"],
        ["deallocated", "booting", "127.156.200.196"],
    ]
    assert max(len(row) for row in rows) <= 80


def test_a_table_shortens_long_workers_names_before_it_breaks_a_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [{"worker": f"{'p' * 40}-{n:02d}", "state": "deallocated", "ip": "-"} for n in (0, 11)]
    rows = [row | {"why": "was paused by its timer"} for row in rows]
    out.print(table("", rows))
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["pppppppppppp...-00", "deallocated"],
        ["pppppppppppp...-11", "deallocated"],
    ]


def test_a_table_with_room_leaves_names_whole(capsys: pytest.CaptureFixture[str]) -> None:
    out.print(table("", [{"worker": f"{'p' * 40}-00", "state": "[green]ready[/]"}]))
    assert f"{'p' * 40}-00  ready" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("state", "power", "has_power"),
    [("deallocated", "deallocated", False), ("failed", "running", True)],
)
def test_workers_fit_a_terminal_with_the_longest_words(
    *, capsys: pytest.CaptureFixture[str], state: str, power: str, has_power: bool
) -> None:
    worker = {
        "name": "waa-pool-00",
        "state": state,
        "power_state": power,
        "windows": "unknown",
        "ip": "127.156.200.196",
        "size": "Standard_D8ds_v5",
        "region": "westeurope",
    }
    print_workers([worker])
    head, row = capsys.readouterr().out.splitlines()
    assert ("power" in head) == has_power
    assert all(words in row for words in ("127.156.200.196", "D8ds_v5", "westeurope"))
