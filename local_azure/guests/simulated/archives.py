"""Tar streams of a guest's folders, in and out.

Only folders and plain files: a link is never made, so that no stream leads out of a guest's disk.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

from local_azure.guests.simulated.files import normalise


class BadArchiveError(ValueError):
    """Bytes that are no tar."""


def pack(members: list[tuple[str, Path]], *, is_gzipped: bool = False) -> bytes:
    """A tar of files and folders with all that is in them.

    Args:
        members: (name in the archive, host path).
        is_gzipped: compress it.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, path in members:
            _add(archive, name, path)
    return gzip.compress(stream.getvalue()) if is_gzipped else stream.getvalue()


def _add(archive: tarfile.TarFile, name: str, path: Path) -> None:
    if path.is_symlink():
        return
    info = archive.gettarinfo(path, name)
    info.uid, info.gid, info.uname, info.gname = 0, 0, "root", "root"
    if path.is_dir():
        archive.addfile(info)
        for entry in sorted(path.iterdir()):
            _add(archive, f"{name.rstrip('/')}/{entry.name}", entry)
    else:
        with path.open("rb") as content:
            archive.addfile(info, content)


def unpack(data: bytes, target: Path) -> None:
    """Lay the files of a tar into a folder; links and devices are left out.

    Raises:
        BadArchiveError: it is no tar.
        OSError: a file can't be written.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for info in archive:
                place = target / normalise(info.name).lstrip("/")
                if info.isdir():
                    place.mkdir(parents=True, exist_ok=True)
                elif info.isreg() and (content := archive.extractfile(info)):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(content.read())
    except (tarfile.TarError, EOFError) as error:
        raise BadArchiveError(str(error)) from error
