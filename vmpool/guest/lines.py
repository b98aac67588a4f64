"""Makes lines of what a program prints: pieces come as the network cuts them."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from vmpool.guest.stream import Source

HearLine = Callable[[Source, str], None]


class Lines:
    """Whole lines, decoded, each source by itself.

    Args:
        hear: called with each line.
    """

    def __init__(self, hear: HearLine) -> None:
        self._hear = hear
        new = codecs.getincrementaldecoder("utf-8")
        self._decoders = {source: new(errors="replace") for source in Source}
        self._rests = dict.fromkeys(Source, "")

    def hear(self, source: Source, data: bytes) -> None:
        """Take in a piece; lines that are whole now are told."""
        text = self._rests[source] + self._decoders[source].decode(data)
        *lines, self._rests[source] = text.split("\n")
        for line in lines:
            self._hear(source, line.rstrip("\r"))

    def close(self) -> None:
        """Tell what was left without an end of line."""
        for source, rest in self._rests.items():
            if rest:
                self._hear(source, rest)
