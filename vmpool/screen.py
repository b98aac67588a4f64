"""Pure: what QEMU dumps of a screen (PPM) as a small PNG, for a page that people look at.

Done by hand, because an imaging library would be 20 MB for it: bytes are averaged and subtracted
as digits of one long number, so that no pixel is touched by Python. Small is worth more than true:
colours are coarser than the screen's.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

MOST_WIDTH = 1024
"""Pixels; a wider picture is halved until it is no wider: 1920 become 960, letters stay legible."""
MOST_BYTES = 120_000
"""Of a PNG: 160 kB in an artifact's text, where a wallpaper at full width would have a megabyte."""
LARGEST_SIDE = 8192
"""Pixels; more is no screen."""
HEAD = re.compile(rb"P6\s+(?:#[^\n]*\n\s*)*(\d{1,5})\s+(\d{1,5})\s+255\s")
SIGNATURE = b"\x89PNG\r\n\x1a\n"
SHADES = (32, 16, 8)
"""Of each colour, best first: half of them pack in half the bytes, and letters can still be read,
which they can't in half a picture."""
UP = b"\x02"
"""PNG's filter for a row that is stored as its difference from the row above."""


@dataclass(frozen=True)
class Picture:
    """Rows of pixels from the top, three bytes each: red, green, blue."""

    width: int
    height: int
    pixels: bytes

    def rows(self) -> list[bytes]:
        """Each row by itself."""
        length = 3 * self.width
        return [self.pixels[at : at + length] for at in range(0, len(self.pixels), length)]


def small_png(ppm: bytes, most_width: int = MOST_WIDTH, most_bytes: int = MOST_BYTES) -> bytes:
    """A PNG of a screen dump, with fewer colours, and then halved, until it is small.

    Args:
        ppm: what QEMU wrote.
        most_width: pixels.
        most_bytes: size of the PNG; a single pixel may have more.

    Raises:
        ValueError: that is no whole binary PPM of 8 bits a colour.
    """
    picture = read_ppm(ppm)
    while picture.width > most_width and picture.height > 1:
        picture = halved(picture)
    while True:
        for shades in SHADES:
            packed = png(picture, shades)
            if len(packed) <= most_bytes or min(picture.width, picture.height) == 1:
                return packed
        picture = halved(picture)


def read_ppm(data: bytes) -> Picture:
    """A binary PPM of 8 bits a colour.

    Raises:
        ValueError: it is something else, or not all of it.
    """
    head = HEAD.match(data)
    if head is None:
        raise ValueError("the screen dump is no PPM")
    width, height = int(head[1]), int(head[2])
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise ValueError(f"the screen dump has {width} x {height} pixels")
    pixels = data[head.end() :]
    if len(pixels) != 3 * width * height:
        raise ValueError("the screen dump is not whole")
    return Picture(width, height, pixels)


def halved(picture: Picture) -> Picture:
    """Half as wide and half as high; each pixel is the mean of four. An odd edge is cut off.

    Args:
        picture: at least two pixels wide and high.
    """
    width, height = picture.width // 2, picture.height // 2
    rows = [row[: 6 * width] for row in picture.rows()[: 2 * height]]
    flat = _mean(b"".join(rows[0::2]), b"".join(rows[1::2]))
    left, right = bytearray(3 * width * height), bytearray(3 * width * height)
    for colour in range(3):
        left[colour::3] = flat[colour::6]
        right[colour::3] = flat[colour + 3 :: 6]
    return Picture(width, height, _mean(left, right))


def coarse(shades: int) -> bytes:
    """For each of 256 shades of a colour the nearest of fewer; the ends stay what they are."""
    return bytes(shade * shades // 256 * 255 // (shades - 1) for shade in range(256))


def png(picture: Picture, shades: int) -> bytes:
    """As a PNG.

    Args:
        picture: what it shows.
        shades: how many of each colour it shows.
    """
    pixels = picture.pixels.translate(coarse(shades))
    above = bytes(3 * picture.width) + pixels[: -3 * picture.width]
    rows = Picture(picture.width, picture.height, _difference(pixels, above)).rows()
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(UP + row for row in rows))
    chunks = (_chunk(b"IHDR", head), _chunk(b"IDAT", body), _chunk(b"IEND", b""))
    return SIGNATURE + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _mean(one: bytes | bytearray, other: bytes | bytearray) -> bytes:
    """The mean of each two bytes, rounded down."""
    a, b = int.from_bytes(one), int.from_bytes(other)
    return ((a & b) + (((a ^ b) & _each(0xFE, len(one))) >> 1)).to_bytes(len(one))


def _difference(one: bytes, other: bytes) -> bytes:
    """Each byte less another, modulo 256: no digit borrows from the next."""
    a, b = int.from_bytes(one), int.from_bytes(other)
    high, low = _each(0x80, len(one)), _each(0x7F, len(one))
    return (((a | high) - (b & low)) ^ ((a ^ b ^ high) & high)).to_bytes(len(one))


def _each(byte: int, count: int) -> int:
    return int.from_bytes(bytes([byte]) * count)
