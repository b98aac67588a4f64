"""What is on a disk or in an image, as a folder: copies that are whole or absent.

A copy costs what the data costs and not what the files claim: where the file system can share
blocks it does (copy on write), elsewhere holes stay holes, so that a disk image of 64 GiB that
holds 1 GiB is copied as 1 GiB. Refuses to know what any file means.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from pathlib import Path

CLONE = 0x40049409
"""Linux's FICLONE: share all blocks of another file until one of the two changes."""
CHUNK = 1 << 20
PART = ".part"


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder; one that is already there is whole, and left alone.

    Args:
        source: nothing there is an empty folder.
        target: appears in one step, after everything in it.

    Raises:
        OSError: no space, or no right.
    """
    if target.exists():
        return
    scratch = target.with_name(target.name + PART)
    shutil.rmtree(scratch, ignore_errors=True)
    if source.exists():
        scratch.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, scratch, symlinks=True, copy_function=copy_file)
    else:
        scratch.mkdir(parents=True)
    scratch.replace(target)


def copy_file(source: str, target: str) -> None:
    """Copy a file with its times, sharing blocks or keeping holes where that is possible."""
    with open(source, "rb") as reader, open(target, "wb") as writer:  # noqa: PTH123 # what copytree gives are texts
        if not _clone(reader.fileno(), writer.fileno()):
            _copy_data(reader.fileno(), writer.fileno())
    shutil.copystat(source, target)


def _clone(reader: int, writer: int) -> bool:
    try:
        fcntl.ioctl(writer, CLONE, reader)
    except OSError:
        return False
    return True


def _copy_data(reader: int, writer: int) -> None:
    """Copy what is between the holes, then set the length."""
    size = os.fstat(reader).st_size
    at = 0
    while at < size:
        begin, end = _extent(reader, at, size)
        os.lseek(reader, begin, os.SEEK_SET)
        os.lseek(writer, begin, os.SEEK_SET)
        while begin < end and (data := os.read(reader, min(CHUNK, end - begin))):
            begin += len(data)
            _write(writer, data)
        at = end
    os.ftruncate(writer, size)


def _extent(reader: int, at: int, size: int) -> tuple[int, int]:
    """The next piece of data from `at` on; where holes can't be asked for, all the rest."""
    try:
        begin = os.lseek(reader, at, os.SEEK_DATA)
        return begin, os.lseek(reader, begin, os.SEEK_HOLE)
    except (AttributeError, OSError) as error:
        is_hole = getattr(error, "errno", None) == errno.ENXIO  # nothing but a hole from here on
        return (size, size) if is_hole else (at, size)


def _write(writer: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(writer, view) :]


def remove(folder: Path) -> None:
    """Remove a folder, whole or half made."""
    for each in (folder, folder.with_name(folder.name + PART)):
        shutil.rmtree(each, ignore_errors=True)
