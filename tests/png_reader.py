"""Reads PNGs by the book, so that what we write is not judged by what we write it with."""

from __future__ import annotations

import struct
import zlib


def read_png(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and RGB bytes of a truecolour PNG, its checksums and filters checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body, check = data[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", check)[0]
        chunks.append((kind, body))
        at += 12 + length
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    assert (depth, colour, rest) == (8, 2, [0, 0, 0])
    return width, height, _unfiltered(zlib.decompress(chunks[1][1]), 3 * width, height)


def _unfiltered(packed: bytes, length: int, height: int) -> bytes:
    assert len(packed) == height * (length + 1)
    above, rows = bytes(length), []
    for at in range(0, len(packed), length + 1):
        kind, row = packed[at], packed[at + 1 : at + 1 + length]
        assert kind in (0, 2)
        above = bytes((b + up) % 256 for b, up in zip(row, above, strict=True)) if kind else row
        rows.append(above)
    return b"".join(rows)
