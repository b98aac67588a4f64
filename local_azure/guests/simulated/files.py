"""Paths of a guest on the host's disk folders: the OS disk is `/`, the temp disk is `/mnt`.

No path leaves the two folders: `..` is resolved by its letters before anything is opened, and a
symbolic link in any component is refused (guests cannot make one; one that somebody put into the
folder is not followed).
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Protocol

TEMP_MOUNT = "mnt"


class FileView(Protocol):
    """Paths as some program sees them: of the VM, or of a container in it."""

    def host(self, path: str) -> Path:
        """The host's path of an absolute or `/`-relative path.

        Raises:
            OSError: there can be no such file, or a symbolic link is in the way.
        """

    def guest(self, path: str) -> str:
        """The VM's own path of a path of this view."""


class GuestFiles:
    """The disks of one VM.

    Args:
        os_disk: host folder of the OS disk.
        temp_disk: host folder of the temp disk, or None.
    """

    def __init__(self, os_disk: Path, temp_disk: Path | None) -> None:
        self.os_disk = os_disk
        self.temp_disk = temp_disk

    def host(self, path: str) -> Path:
        """The host's path of a guest path; see `FileView`."""
        parts = [part for part in normalise(path).split("/") if part]
        if self.temp_disk is not None and parts[:1] == [TEMP_MOUNT]:
            return _walk(self.temp_disk, parts[1:])
        return _walk(self.os_disk, parts)

    def guest(self, path: str) -> str:
        """The VM's own path: the same, cleaned."""
        return normalise(path)


def normalise(path: str, folder: str = "/") -> str:
    """An absolute path without `.`, `..` and doubled slashes; `..` above `/` stays at `/`.

    Args:
        path: absolute, or relative to `folder`.
        folder: absolute path.
    """
    joined = path if path.startswith("/") else f"{folder}/{path}"
    kept: list[str] = []
    for part in joined.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    return "/" + "/".join(kept)


def is_under(path: str, folder: str) -> bool:
    """Whether a cleaned path is `folder` or inside it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _walk(root: Path, parts: list[str]) -> Path:
    """Go down from a disk's folder and refuse links."""
    here = root
    for part in parts:
        if "\0" in part:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        here = here / part
        try:
            mode = here.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISLNK(mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return here
