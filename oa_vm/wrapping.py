"""Where a line of words may be broken: between words, never in an address or a command.

Whoever copies a command out of a terminal must get it in one piece; a terminal's own wrap keeps it
whole, a line feed of ours would not.
"""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.text import Text

OPTIONS = r"(?: --?[a-z]\S*(?: [^\s-]\S*)?)*"
COMMANDS = (
    rf"\S*\boa-vm(?: local)? [a-z]\S*{OPTIONS}",
    rf"\S*\bprefect(?: [a-z]\S*)+(?: [\d/]\S*)?{OPTIONS}",
)
PIECE = re.compile(rf"(?:[A-Z_]+=\S* )*(?:{'|'.join(COMMANDS)})|\S+")
"""What stays in one piece: a command with what is set before it, or a word."""


def breaks(line: str, width: int) -> list[int]:
    """Where the second and each further line begins.

    Args:
        line: without line feeds; one that is indented is a quotation and never broken.
        width: columns; a single piece may be longer.
    """
    if line.startswith(" "):
        return []
    found, begin = [], 0
    for piece in PIECE.finditer(line):
        if piece.start() > begin and cell_len(line[begin : piece.end()]) > width:
            begin = piece.start()
            found.append(begin)
    return found


def wrapped(words: Text, width: int) -> Text:
    """Words, no line of which is longer than it has to be.

    Args:
        words: may have line feeds.
        width: columns of the terminal.
    """
    parts = [
        part
        for line in words.split(allow_blank=True)
        for part in line.divide(breaks(line.plain, width))
    ]
    for part in parts[:-1]:
        part.rstrip()
    return Text("\n").join(parts)
