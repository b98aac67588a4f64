"""Copies of disk folders: whole or absent, independent, and as cheap as their data."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from local_azure import contents

GIB = 1 << 30


def blocks(file: Path) -> int:
    """Bytes that a file takes on the disk."""
    return file.stat().st_blocks * 512


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk with a Windows image that claims 64 GiB and holds 2 MiB at both ends."""
    folder = tmp_path / "disk"
    (folder / "opt").mkdir(parents=True)
    (folder / "etc").mkdir()
    (folder / "etc" / "hostname").write_text("box")
    with (folder / "opt" / "data.img").open("wb") as file:
        file.write(b"a" * (1 << 20))
        file.seek(64 * GIB - (1 << 20))
        file.write(b"z" * (1 << 20))
    return folder


def test_sparse_file_stays_sparse_and_the_same(disk: Path, tmp_path: Path) -> None:
    contents.copy_folder(disk, tmp_path / "copy")
    copied = tmp_path / "copy" / "opt" / "data.img"
    assert copied.stat().st_size == 64 * GIB
    assert blocks(copied) < 4 << 20
    with copied.open("rb") as file:
        assert file.read(1 << 20) == b"a" * (1 << 20)
        assert file.read(10) == bytes(10)
        file.seek(-10, 2)
        assert file.read() == b"z" * 10


def test_64_copies_of_a_64_gib_disk_take_seconds(disk: Path, tmp_path: Path) -> None:
    begun = time.monotonic()
    for number in range(64):
        contents.copy_folder(disk, tmp_path / f"copy{number}")
    assert time.monotonic() - begun < 20


def test_file_of_holes_alone_is_copied(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with (tmp_path / "a" / "empty.img").open("wb") as file:
        file.truncate(GIB)
    contents.copy_folder(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / "empty.img").stat().st_size == GIB


def test_copy_is_independent_of_its_source(disk: Path, tmp_path: Path) -> None:
    contents.copy_folder(disk, tmp_path / "copy")
    with (disk / "etc" / "hostname").open("r+") as file:
        file.write("new")
    assert (tmp_path / "copy" / "etc" / "hostname").read_text() == "box"


def test_half_made_copy_is_made_again_and_a_whole_one_is_left_alone(
    disk: Path, tmp_path: Path
) -> None:
    half = tmp_path / "copy.part" / "etc"
    half.mkdir(parents=True)
    (half / "stray").touch()
    contents.copy_folder(disk, tmp_path / "copy")
    assert {entry.name for entry in (tmp_path / "copy" / "etc").iterdir()} == {"hostname"}
    (tmp_path / "copy" / "etc" / "hostname").write_text("changed")
    contents.copy_folder(disk, tmp_path / "copy")
    assert (tmp_path / "copy" / "etc" / "hostname").read_text() == "changed"


def test_disk_that_nothing_was_written_to_is_an_empty_one(tmp_path: Path) -> None:
    contents.copy_folder(tmp_path / "nothing", tmp_path / "copy")
    assert list((tmp_path / "copy").iterdir()) == []
