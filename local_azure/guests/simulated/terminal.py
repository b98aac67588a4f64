"""A terminal's line discipline, for sessions that a person types into: echo, erase, Ctrl-C, Ctrl-D.

The client's own terminal is raw then: what it sends are keys, and nothing shows that is not sent
back. Refuses history and cursor keys.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

import asyncssh

T = TypeVar("T")

ENTER = b"\r\n"
ERASE = (0x08, 0x7F)
INTERRUPT, END, SPACE = 0x03, 0x04, 0x20
BLOCK_BYTES = 1024


class Terminal:
    """The guest's side of one.

    Args:
        process: a session with a pseudo-terminal.
    """

    def __init__(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self._process = process
        self._keys: deque[int] = deque()
        self.is_interrupted = False

    def write(self, data: bytes) -> None:
        """Show output; lines begin at the left."""
        with suppress(OSError):  # the client has gone
            self._process.stdout.write(data.replace(b"\n", ENTER))

    async def read_line(self) -> str | None:
        """The next line typed, None at the end of input."""
        line = bytearray()
        while True:
            while not self._keys:
                if not await self._take():
                    return None
            key = self._keys.popleft()
            if key in ENTER:
                self.write(b"\n")
                return line.decode(errors="replace")
            if key == END and not line:
                return None
            self._edit(line, key)

    def _edit(self, line: bytearray, key: int) -> None:
        if key == INTERRUPT:
            self.write(b"^C\n")
            line.clear()
            self._keys.appendleft(ENTER[0])
        elif key in ERASE:
            if line:
                line.pop()
                self.write(b"\b \b")
        elif key >= SPACE:
            line.append(key)
            self.write(bytes([key]))

    async def watched(self, work: Awaitable[T]) -> T:
        """Wait for a program; Ctrl-C meanwhile is noted, other keys are kept for later."""
        self.is_interrupted = False
        running = asyncio.ensure_future(work)
        reading = asyncio.ensure_future(self._take())
        try:
            while not running.done():
                waited = {running, reading} if not reading.done() else {running}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if INTERRUPT in self._keys:
                    self._keys.clear()
                    self.write(b"^C\n")
                    self.is_interrupted = True
                if reading.done() and reading.result():
                    reading = asyncio.ensure_future(self._take())
            return running.result()
        finally:
            running.cancel()
            reading.cancel()

    async def _take(self) -> bool:
        """Take keys that were sent; whether there will be more."""
        try:
            data = await self._process.stdin.read(BLOCK_BYTES)
        except asyncssh.TerminalSizeChanged:
            return True
        except (asyncssh.BreakReceived, asyncssh.SignalReceived):
            self._keys.append(INTERRUPT)
            return True
        except (asyncssh.Error, OSError):  # the client has gone
            return False
        self._keys.extend(data)
        return bool(data)
