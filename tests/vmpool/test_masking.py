from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool.masking import LONGEST, MASK, masked, plain, uncoloured, without

NAMES = ["KEY", "API_KEY", "hf_token", "clientSecret", "PASSWORD", "DB_PASS", "Authorization"]
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6)
LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x0b\x0c\x85\u2028\u2029"))


@pytest.mark.parametrize("form", ["{}={}", "export {}='{}'", '"{}": "{}",', "{} : {}", "--{} {}"])
@given(name=st.sampled_from(NAMES), secret=SECRETS, before=LINES)
def test_nothing_of_a_named_secret_is_left(form: str, name: str, secret: str, before: str) -> None:
    shown = masked(f"first\n{before} {form.format(name, secret)}\nlast")
    first, line, last = shown.split("\n")
    assert (first, last) == ("first", "last")
    assert line.rstrip("',\"").endswith(MASK)


@given(text=st.text())
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@given(text=st.text(st.sampled_from("abc ./()-\n")))
def test_what_looks_like_no_secret_is_left_alone(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("curl -H 'X: Bearer abc.def'", f"curl -H 'X: Bearer {MASK}"),
        ("pulled from https://me:pa55@host/x", f"pulled from https://{MASK}@host/x"),
        ("GET /blob?sv=1&sig=abc%3D&se=2", f"GET /blob?sv=1&sig={MASK}&se=2"),
        ("got sk-abcdefghijklmnop.", f"got {MASK}"),
        ("hf_abcdefghijklmnop, AKIAABCDEFGHIJKLMNOP", f"{MASK}, {MASK}"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.e30.x", f"jwt {MASK}"),
        ("blob aB3" + "xY9z" * 12, f"blob {MASK}"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nend",
            f"{MASK}\nend",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\ncut off", MASK),
    ],
)
def test_secrets_without_a_name_are_known_by_their_form(line: str, shown: str) -> None:
    assert masked(line) == shown


@pytest.mark.parametrize(
    "line",
    [
        "> Booting Windows using QEMU v10.0.2...",
        "sha256:" + "0123456789abcdef" * 4,
        "visit http://127.0.0.1:8006/ to view the screen...",
    ],
)
def test_what_people_need_is_shown(line: str) -> None:
    assert masked(line) == line


def test_colours_and_progress_that_was_written_over_are_gone() -> None:
    assert plain("\x1b[1;32mgreen\x1b[0m\r\n10%\r20%\r100%\r\nbell\x07") == "green\n100%\nbell"


@given(words=st.lists(st.text(st.sampled_from("abc"), min_size=1), min_size=1))
def test_a_long_line_ends_at_a_word(words: list[str]) -> None:
    shown = plain(" ".join(words))
    assert len(shown) <= LONGEST + len(" ...")
    assert set(shown.removesuffix(" ...").split()) <= set(words)


def test_known_secrets_are_hidden_longest_first_and_tiny_ones_left() -> None:
    assert without("key=none-at-all, none, 1", ["none", "none-at-all", "1"]) == "key=***, ***, 1"


@pytest.mark.parametrize(
    "coloured",
    [
        "\x1b[1;33m[12:00 \x1b[31mINFO\x1b[0m] said",
        "\x1b]0;a title\x07[12:00 INFO] said",
        "\x1b]0;a title\x1b\\[12:00 INFO] said",
        "\x1b[2K\x1b[1G[12:00 INFO] said",
        "[12:00 INFO] said",
    ],
)
def test_what_is_for_a_terminal_only_is_taken_away(coloured: str) -> None:
    assert uncoloured(coloured) == "[12:00 INFO] said"
