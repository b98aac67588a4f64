"""Pure: what a program printed, fit for a page: no colours of a terminal, nothing secret.

Whatever looks like a secret goes, with the rest of its line: a mask too many costs a word, one too
few an account. `without` alone knows which secrets there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = "***"
WORDS = "key|token|secret|pass(?:w|phrase|(?![a-z]))|pwd|credential|authorization|signature|cookie"
RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*PRIVATE KEY-----|.*)",
                   re.DOTALL),
        MASK,
    ),
    (re.compile(rf"(?im)((?:{WORDS})[\w.-]*[\"']?[ \t]*[=:][ \t]*)\S.*$"), rf"\1{MASK}"),
    (re.compile(rf"(?im)((?:^|\s)--?[\w-]*(?:{WORDS})[\w-]*[ \t]+)\S+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(bearer[ \t]+)\S+"), rf"\1{MASK}"),
    (re.compile(r"(://)[^\s/@]+@"), rf"\1{MASK}@"),
    (re.compile(r"(?i)([?&]sig=)[^\s&]+"), rf"\1{MASK}"),
    (re.compile(r"\b(?:sk-|gh[a-z]_|hf_|xox[a-z]-|AKIA|eyJ)[\w.-]{10,}"), MASK),
    (re.compile(r"(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*\d)[\w+/=-]{40,}"), MASK),
)  # fmt: skip
"""Private keys; `NAME=VALUE` and `name: value`; options; bearer tokens; logins and signatures in
addresses; tokens by their beginnings; long runs of mixed letters and digits, which no digest is."""
SHORTEST = 4
"""Characters of a known secret that is looked for."""
LONGEST = 500
"""Characters of a line."""
ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])")
"""Control sequences (ECMA-48): colours, the cursor, titles of windows."""
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""Control characters other than tab and line feed."""


def uncoloured(line: str) -> str:
    """A line without the colours that it has for a terminal."""
    return ESCAPES.sub("", line)


def plain(text: str) -> str:
    """A terminal's output as text; of a line that was written over, its last state."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(_cut(_last_state(line)) for line in lines)


def _last_state(line: str) -> str:
    return CONTROLS.sub("", uncoloured(line.rstrip("\r").rpartition("\r")[2]))


def _cut(line: str) -> str:
    """A long line ends before a word, never inside one: half a token would not be known as one."""
    return line if len(line) <= LONGEST else f"{line[:LONGEST].rpartition(' ')[0]} ..."


def masked(text: str) -> str:
    """The same without what looks like a secret."""
    for pattern, instead in RULES:
        text = pattern.sub(instead, text)
    return text


def without(text: str, secrets: Iterable[str]) -> str:
    """The same without secrets that are known; very short ones would hide half of every word.

    Args:
        text: any.
        secrets: their values.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, MASK)
    return text
