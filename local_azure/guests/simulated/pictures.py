"""Small pictures of Windows' screen, drawn by its state, as PPM (what QEMU writes) and as PNG.

Refuses to be pretty: whoever looks at one must see which state it was, no more.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

WIDTH, HEIGHT = 160, 100
Colour = tuple[int, int, int]
BLACK, WHITE, BAR = (0, 0, 0), (240, 240, 240), (32, 32, 40)
BLUE, FROST = (0, 120, 215), (150, 160, 170)
TASKBAR_TOP, PROGRESS_TOP, PROGRESS_BOTTOM = 90, 70, 76
MARGIN = 30


@dataclass(frozen=True)
class Picture:
    """A picture: rows of pixels of three bytes, from the top."""

    width: int
    height: int
    pixels: bytes

    def ppm(self) -> bytes:
        """As QEMU's `screendump` writes it: binary, 8 bits a channel."""
        return b"P6\n%d %d\n255\n" % (self.width, self.height) + self.pixels

    def png(self) -> bytes:
        """As a PNG, truecolour."""
        row = 3 * self.width
        lines = (self.pixels[at : at + row] for at in range(0, len(self.pixels), row))
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        body = zlib.compress(b"".join(b"\0" + line for line in lines))
        parts = (_chunk(b"IHDR", head), _chunk(b"IDAT", body), _chunk(b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def boot_screen(share: float) -> Picture:
    """Windows installs itself or boots: a bar on black, filled by so much."""
    end = MARGIN + int(share * (WIDTH - 2 * MARGIN))

    def colour(x: int, y: int) -> Colour:
        is_in_bar = PROGRESS_TOP <= y < PROGRESS_BOTTOM and MARGIN <= x < WIDTH - MARGIN
        if is_in_bar:
            return BLUE if x < end else BAR
        return BLACK

    return _draw(colour)


def desktop(*, is_frozen: bool, window: int = 0) -> Picture:
    """The desktop, grey when Windows is frozen.

    Args:
        is_frozen: whether Windows still moves.
        window: width of an open window, 0 for none.
    """
    ground = FROST if is_frozen else BLUE

    def colour(x: int, y: int) -> Colour:
        if y >= TASKBAR_TOP:
            return BAR
        is_in_window = window and MARGIN <= x < MARGIN + window and MARGIN <= y < PROGRESS_TOP
        return WHITE if is_in_window else ground

    return _draw(colour)


def _draw(colour: Callable[[int, int], Colour]) -> Picture:
    pixels = bytearray()
    for y in range(HEIGHT):
        for x in range(WIDTH):
            pixels += bytes(colour(x, y))
    return Picture(WIDTH, HEIGHT, bytes(pixels))


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check
