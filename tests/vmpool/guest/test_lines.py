"""Lines out of what a program prints, however the network cuts it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmpool.guest.lines import Lines
from vmpool.guest.stream import Source


def heard(pieces: list[bytes]) -> list[str]:
    said: list[str] = []
    lines = Lines(lambda _, line: said.append(line))
    for piece in pieces:
        lines.hear(Source.OUT, piece)
    lines.close()
    return said


@given(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), st.data())
def test_a_line_is_the_same_however_it_is_cut(line: str, data: st.DataObject) -> None:
    whole = f"{line}\nnext".encode()
    at = data.draw(st.integers(0, len(whole)))
    assert heard([whole[:at], whole[at:]]) == [line, "next"]
