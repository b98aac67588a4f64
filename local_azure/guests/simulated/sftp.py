"""SFTP into a guest's disks, with the rights of the user who logged in (there is no sudo here).

Paths are the guest's; links cannot be made and are not followed. Owners and mode bits that a client
sets are accepted and not kept: rights are `accounts`' small model.
"""
# ruff: noqa: ARG002 # the signatures are asyncssh's

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import asyncssh

from local_azure.guests.simulated.files import normalise

if TYPE_CHECKING:
    from local_azure.guests.simulated.guest import Guest

WRITES = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC
PROTECTED = {"/", "/mnt"}


class GuestSftp(asyncssh.SFTPServer):
    """SFTP server of one session.

    Args:
        guest: the VM.
        channel: the session's channel.
    """

    def __init__(self, guest: Guest, channel: asyncssh.SSHServerChannel[bytes]) -> None:
        super().__init__(channel)
        self._guest = guest
        self._user = str(channel.get_extra_info("login"))
        self._home = guest.accounts.home(self._user)

    def map_path(self, path: bytes) -> bytes:
        """The host's path of what a client named; checks that the user may see it."""
        guest_path = self._clean(path)
        self._guest.docker.settle(self._guest.clock.now())
        self._guest.accounts.check_read(self._user, guest_path)
        return os.fsencode(self._guest.files.host(guest_path))

    def realpath(self, path: bytes) -> bytes:
        """The cleaned guest path; nothing of the host shows."""
        return self._clean(path).encode()

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        """Open a file; the mode that the client wishes is not kept."""
        if pflags & WRITES:
            self._check_write(path)
        return super().open(path, pflags, asyncssh.SFTPAttrs())

    def open56(
        self, path: bytes, desired_access: int, flags: int, attrs: asyncssh.SFTPAttrs
    ) -> Any:
        """Open a file in the way of later protocol versions: not offered."""
        raise asyncssh.SFTPOpUnsupported("only protocol version 3 is spoken")

    def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
        """Write, unless the disk is full."""
        self._guest.check_space()
        return super().write(file_obj, offset, data)

    def remove(self, path: bytes) -> None:
        """Remove a file."""
        self._check_write(path)
        super().remove(path)

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Make a folder."""
        self._check_write(path)
        super().mkdir(path, asyncssh.SFTPAttrs())

    def rmdir(self, path: bytes) -> None:
        """Remove an empty folder."""
        self._check_write(path)
        super().rmdir(path)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename, the new name being free."""
        self._check_write(oldpath)
        self._check_write(newpath)
        super().rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename, replacing what has the new name."""
        self._check_write(oldpath)
        self._check_write(newpath)
        super().posix_rename(oldpath, newpath)

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Accept attributes; only a size has an effect."""
        self._check_write(path)
        if attrs.size is not None:
            os.truncate(self.map_path(path), attrs.size)

    def lsetstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """The same: there are no links."""
        self.setstat(path, attrs)

    def fsetstat(self, file_obj: Any, attrs: asyncssh.SFTPAttrs) -> None:
        """Accept attributes; only a size has an effect."""
        if attrs.size is not None:
            file_obj.truncate(attrs.size)

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """Links are refused."""
        raise asyncssh.SFTPPermissionDenied("links cannot be made in a simulated guest")

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        """Links are refused."""
        raise asyncssh.SFTPPermissionDenied("links cannot be made in a simulated guest")

    def statvfs(self, path: bytes) -> Any:
        """The host's file system is not shown."""
        raise asyncssh.SFTPOpUnsupported("use df")

    def fstatvfs(self, file_obj: object) -> Any:
        """The host's file system is not shown."""
        raise asyncssh.SFTPOpUnsupported("use df")

    def _clean(self, path: bytes) -> str:
        try:
            return normalise(path.decode(), self._home)
        except UnicodeDecodeError:
            raise asyncssh.SFTPNoSuchFile("file names are UTF-8") from None

    def _check_write(self, path: bytes) -> None:
        guest_path = self._clean(path)
        self._guest.check_space()
        if guest_path in PROTECTED:
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        self._guest.accounts.check_write(self._user, guest_path)
