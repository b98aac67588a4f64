"""Who exists in a guest, who is in which group, and who may write where.

Users and groups are lines of the guest's own `/etc/passwd` and `/etc/group`, so that they are
captured with the disk. Rights are a small model: root may everything, others their home, `/tmp`,
and what was given to them with `chown` or `chmod`; mode bits beyond that are not kept.
"""

from __future__ import annotations

import errno
import os

from local_azure.guests.simulated.durable import load_json, save_json, write_atomically
from local_azure.guests.simulated.files import GuestFiles, is_under, normalise

ROOT = "root"
EVERYBODY = "*"
OWNERS = "/var/lib/simulated-guest/owners.json"
OPEN_TO_ALL = ("/tmp", "/var/tmp", "/dev/null")  # noqa: S108 # the guest's, not the host's
PRIVATE = (
    "/root",
    "/var/lib/docker",
    "/var/lib/simulated-guest",
    "/var/lib/waagent",
    "/var/lib/cloud/instance/user-data.txt",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/shadow",
)
FIRST_ID = 1000


class Accounts:
    """Users, groups and rights of one guest.

    Args:
        files: the guest's disks.
    """

    def __init__(self, files: GuestFiles) -> None:
        self._files = files

    def users(self) -> dict[str, str]:
        """User names and their homes."""
        rows = [line.split(":") for line in self._lines("/etc/passwd")]
        return {ROOT: "/root"} | {row[0]: row[5] for row in rows if len(row) > 5}  # noqa: PLR2004 # passwd(5)

    def home(self, user: str) -> str:
        """A user's home; `/` for strangers."""
        return self.users().get(user, "/")

    def user_id(self, user: str) -> int:
        """A user's number."""
        if user == ROOT:
            return 0
        names = [name for name in self.users() if name != ROOT]
        return FIRST_ID + names.index(user) if user in names else FIRST_ID + len(names)

    def add_user(self, user: str) -> None:
        """Make a user with a home and a group; one that exists is left alone."""
        if user in self.users():
            return
        number, home = self.user_id(user), f"/home/{user}"
        self._append("/etc/passwd", f"{user}:x:{number}:{number}::{home}:/bin/bash")
        self.add_group(user)
        self._files.host(home).mkdir(parents=True, exist_ok=True)

    def remove_user(self, user: str) -> None:
        """Forget a user and all memberships; the home is the caller's matter."""
        kept = [line for line in self._lines("/etc/passwd") if line.split(":")[0] != user]
        self._write("/etc/passwd", kept)
        groups = {name: members - {user} for name, members in self._groups().items()}
        self._save_groups({name: who for name, who in groups.items() if name != user})

    def add_group(self, group: str) -> None:
        """Make a group; one that exists is left alone."""
        self._save_groups({group: set()} | self._groups())

    def has_group(self, group: str) -> bool:
        """Whether there is such a group."""
        return group in self._groups()

    def join(self, user: str, group: str) -> None:
        """Make a user a member, the group being made when missing."""
        groups = self._groups()
        groups.setdefault(group, set()).add(user)
        self._save_groups(groups)

    def groups_of(self, user: str) -> frozenset[str]:
        """The groups of a user who logs in now."""
        found = {name for name, members in self._groups().items() if user in members}
        return frozenset(found | {user})

    def give(self, path: str, user: str) -> None:
        """Record an owner of a path and all below it."""
        owners = self._owners()
        clean = normalise(path)
        kept = {at: who for at, who in owners.items() if not is_under(at, clean)}
        save_json(self._files.host(OWNERS), kept | {clean: user})

    def owner(self, path: str) -> str:
        """The owner of a path, `EVERYBODY` if all may write."""
        clean = normalise(path)
        if any(is_under(clean, folder) for folder in OPEN_TO_ALL):
            return EVERYBODY
        homes = {home: user for user, home in self.users().items()}
        claims = homes | self._owners()
        fitting = [at for at in claims if is_under(clean, at)]
        return claims[max(fitting, key=len)] if fitting else ROOT

    def check_write(self, user: str, path: str) -> None:
        """Refuse a write that the user may not do.

        Raises:
            PermissionError: as the kernel would.
        """
        if user not in (ROOT, self.owner(path)) and self.owner(path) != EVERYBODY:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def check_read(self, user: str, path: str) -> None:
        """Refuse to show what only root or another user may see.

        Raises:
            PermissionError: as the kernel would.
        """
        clean = normalise(path)
        if user == ROOT:
            return
        others = [home for name, home in self.users().items() if name != user]
        private = any(is_under(clean, folder) for folder in (*PRIVATE, *others))
        if private and self.owner(path) != user:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def _owners(self) -> dict[str, str]:
        found: dict[str, str] = load_json(self._files.host(OWNERS), {})
        return found

    def _groups(self) -> dict[str, set[str]]:
        rows = [line.split(":") for line in self._lines("/etc/group")]
        return {row[0]: {name for name in row[-1].split(",") if name} for row in rows}

    def _save_groups(self, groups: dict[str, set[str]]) -> None:
        rows = enumerate(groups.items(), FIRST_ID)
        lines = [f"{name}:x:{number}:{','.join(sorted(who))}" for number, (name, who) in rows]
        self._write("/etc/group", lines)

    def _lines(self, path: str) -> list[str]:
        try:
            return self._files.host(path).read_text().splitlines()
        except FileNotFoundError:
            return []

    def _append(self, path: str, line: str) -> None:
        self._write(path, [*self._lines(path), line])

    def _write(self, path: str, lines: list[str]) -> None:
        write_atomically(self._files.host(path), "".join(f"{line}\n" for line in lines).encode())
