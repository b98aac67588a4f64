from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from oa_vm.output import Paper
from oa_vm.wrapping import wrapped

LONG = (
    "warning: no Prefect worker serves work pool 'local', so nothing runs auto-pause: start "
    "oa-vm up, or prefect worker start --pool local"
)
COMMANDS = [
    "oa-vm pool-pause --pool a-pool-with-a-long-name",
    "oa-vm pool-cleanup --pool evals -y",
    "oa-vm local start",
    "WAA_RESOURCE_GROUP=other oa-vm pool-cleanup --pool evals",
    "prefect deployment schedule resume auto-pause/auto-pause",
    "prefect flow-run cancel 0b54bb2c-7b6f-4e5b-9f0b-0d2f0f5d6a11",
    "prefect worker start --pool local",
    "http://127.0.0.1:4200/v2/runs/flow-run/0b54bb2c-7b6f-4e5b-9f0b-0d2f0f5d6a11",
]


def lines(words: str, width: int = 80) -> list[str]:
    return wrapped(Text(words), width).plain.split("\n")


def printed(words: str, *, is_terminal: bool) -> list[str]:
    paper = Paper(file=StringIO(), force_terminal=is_terminal, no_color=True, width=80)
    paper.print(words, markup=False)
    return paper.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_a_terminal_gets_lines_that_end_with_a_word() -> None:
    shown = printed(LONG, is_terminal=True)
    assert len(shown) == 2
    assert all(len(line) <= 80 for line in shown)
    assert " ".join(shown) == LONG


def test_elsewhere_a_line_stays_one() -> None:
    assert printed(LONG, is_terminal=False) == [LONG]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("before", range(0, 100, 7))
def test_what_is_copied_is_never_broken(command: str, before: int) -> None:
    words = f"{'word ' * (before // 5)}say: {command}, and then the same again, please"
    assert any(command in line for line in lines(words))


def test_an_indented_line_is_a_quotation_and_stays_as_it_is() -> None:
    quoted = f"  {LONG}"
    assert lines(f"first\n{quoted}\nlast") == ["first", quoted, "last"]


@given(st.text("ab \n", max_size=120), st.integers(10, 30))
def test_breaking_loses_no_word_and_no_line_of_words_is_too_long(words: str, width: int) -> None:
    shown = lines(words, width)
    assert " ".join(shown).split() == words.split()
    assert all(len(line) <= width or line.startswith(" ") or " " not in line for line in shown)


def test_what_looks_like_an_emoji_is_printed_as_it_is() -> None:
    assert printed("worker :boom: 00:x:", is_terminal=True) == ["worker :boom: 00:x:"]
