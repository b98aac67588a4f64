"""cloud-init in a guest: what it does before sshd, what it does after, and what it says of itself.

Early (before sshd listens): host key, users, groups, files. Late: packages and `runcmd`, whose
items are programs of the guest. All of it runs once per instance; the record is on the OS disk, so
a captured disk runs it again on another VM.
"""

from __future__ import annotations

import asyncio
import base64
from html import escape
from typing import TYPE_CHECKING, Any

import asyncssh

from local_azure.guests.base import GuestSpec
from local_azure.guests.simulated import system
from local_azure.guests.simulated.accounts import ROOT
from local_azure.guests.simulated.durable import load_json, save_json, write_atomically
from local_azure.guests.simulated.running import Run, run_line
from local_azure.guests.simulated.ssh import HOST_KEY
from local_azure.guests.simulated.user_data import FileToWrite, UserData, read_user_data

if TYPE_CHECKING:
    from local_azure.guests.simulated.guest import Guest

RECORD = "/var/lib/cloud/data/record.json"
USER_DATA = "/var/lib/cloud/instance/user-data.txt"
LOG = "/var/log/cloud-init-output.log"
AGENT = "/var/lib/waagent"
OVF = f"{AGENT}/ovf-env.xml"
QUICK = 0.1
"""Share of `cloud_init` that a boot takes when there is nothing to install or to run."""
AZURE_GROUPS = ("adm", "sudo")


def ovf_environment(spec: GuestSpec) -> bytes:
    """Azure's provisioning data as it stays on the disk: with the custom data, as there."""
    data = base64.b64encode(spec.user_data).decode()
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<Environment><LinuxProvisioningConfigurationSet>'
        f"<HostName>{escape(spec.name)}</HostName><UserName>{escape(spec.admin_username)}</UserName>"
        f"<CustomData>{data}</CustomData></LinuxProvisioningConfigurationSet></Environment>\n"
    ).encode()


class CloudInit:
    """cloud-init of one guest.

    Args:
        guest: the VM.
    """

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._done = asyncio.Event()
        self._record: dict[str, Any] = {}

    @property
    def is_done(self) -> bool:
        """Whether it has finished for this boot."""
        return self._done.is_set()

    @property
    def warnings(self) -> list[str]:
        """Recoverable errors."""
        return list(self._record.get("warnings", []))

    @property
    def errors(self) -> list[str]:
        """Errors."""
        return list(self._record.get("errors", []))

    async def wait(self) -> None:
        """Until it has finished."""
        await self._done.wait()

    def boot(self) -> None:
        """The part before sshd, when this disk is new to the VM."""
        guest = self._guest
        record = load_json(guest.files.host(RECORD), {})
        if record.get("vm_id") == guest.spec.vm_id:
            return
        data = read_user_data(guest.spec.user_data)
        write_atomically(guest.files.host(USER_DATA), guest.spec.user_data, 0o600)
        write_atomically(guest.files.host(OVF), ovf_environment(guest.spec), 0o600)
        write_atomically(guest.files.host("/etc/hostname"), f"{guest.spec.name}\n".encode())
        self._make_host_key(data)
        self._make_users(data)
        self._write_files(data, is_late=False)
        self._record = {
            "vm_id": guest.spec.vm_id,
            "warnings": data.warnings,
            "errors": data.errors,
            "next_command": 0,
            "is_finished": False,
        }
        self._save()

    def provisioned_user(self) -> str:
        """The administrator that the agent's copy of the provisioning data names, or nothing."""
        is_there = self._guest.files.host(OVF).exists()
        return self._guest.spec.admin_username if is_there else ""

    async def finish(self) -> None:
        """The part after sshd; returns when cloud-init is done for this boot."""
        guest = self._guest
        self._record = load_json(guest.files.host(RECORD), {})
        if self._record and not self._record.get("is_finished"):  # none: cleaned since it booted
            data = read_user_data(guest.spec.user_data)
            has_work = bool(data.packages or data.commands)
            share = 1.0 if has_work and not self._has_all(data) else QUICK
            due = guest.boot.booted_at + share * guest.durations.cloud_init
            await guest.clock.sleep_until(due)
            await self._do_late(data)
        self._done.set()

    def _has_all(self, data: UserData) -> bool:
        """Whether the disk brought every package, as a golden image does."""
        has = all(system.has_package(self._guest, name) for name in data.packages)
        return bool(data.packages) and has

    async def _do_late(self, data: UserData) -> None:
        if not self._record.get("has_packages"):
            self._install(data)
            known = len(data.errors)
            self._write_files(data, is_late=True)
            self._record["errors"] += data.errors[known:]
            self._record["has_packages"] = True
            self._save()
        code = 0
        for number in range(self._record["next_command"], len(data.commands)):
            code = await run_line(self._make_run(), data.commands[number])
            self._record["next_command"] = number + 1
            self._save()
        if code:
            failure = "Runparts: 1 failures (runcmd) in 1 attempted commands"
            self._record["errors"].append(f"('scripts_user', RuntimeError('{failure}'))")
        self._record["is_finished"] = True
        self._save()

    def _install(self, data: UserData) -> None:
        unknown = [name for name in data.packages if not system.is_known(name)]
        if unknown:
            for name in unknown:
                self._log(f"E: Unable to locate package {name}\n".encode())
            failure = f"Failed to install the following packages: {set(unknown)}"
            self._record["errors"].append(
                f"('package_update_upgrade_install', PackageInstallerError({failure!r}))"
            )
            self._record["warnings"].append(failure)
        system.install(self._guest, [name for name in data.packages if name not in unknown])

    def _make_host_key(self, data: UserData) -> None:
        """The key of the user data, or a new one: another instance's key is never kept."""
        key = data.host_key
        try:
            private = asyncssh.import_private_key(key) if key else None
        except (asyncssh.KeyImportError, ValueError):
            data.warnings.append("ssh_keys: ed25519_private is not a private key")
            private = None
        private = private or asyncssh.generate_private_key("ssh-ed25519")
        files = self._guest.files
        write_atomically(files.host(HOST_KEY), private.export_private_key(), 0o600)
        write_atomically(files.host(f"{HOST_KEY}.pub"), private.export_public_key())

    def _make_users(self, data: UserData) -> None:
        """Groups come before users: a member who is not there yet is left out, with a warning."""
        accounts, spec = self._guest.accounts, self._guest.spec
        for group, members in data.groups.items():
            accounts.add_group(group)
            for member in members:
                if member in accounts.users():
                    accounts.join(member, group)
                else:
                    data.warnings.append(
                        f"Unable to add group member '{member}' to group '{group}';"
                        " user does not exist."
                    )
        admin_groups = (*AZURE_GROUPS, *data.default_groups)
        self._add(spec.admin_username, admin_groups, (*spec.authorized_keys, *data.default_keys))
        for user in data.users:
            self._add(user.name, user.groups, user.keys)

    def _add(self, name: str, groups: tuple[str, ...], keys: tuple[str, ...]) -> None:
        accounts = self._guest.accounts
        accounts.add_user(name)
        for group in groups:
            accounts.join(name, group)
        file = self._guest.files.host(f"{accounts.home(name)}/.ssh/authorized_keys")
        if keys:
            # As cloud-init does: keys that the disk brought stay, and still open the door.
            kept = file.read_text().splitlines() if file.exists() else []
            lines = list(dict.fromkeys([*kept, *keys]))
            write_atomically(file, "".join(f"{line}\n" for line in lines).encode(), 0o600)

    def _write_files(self, data: UserData, *, is_late: bool) -> None:
        for item in data.files:
            if item.is_late == is_late:
                try:
                    self._write_file(item)
                except OSError as error:
                    data.errors.append(f"('write_files', {error})")

    def _write_file(self, item: FileToWrite) -> None:
        host = self._guest.files.host(item.path)
        before = host.read_bytes() if item.is_append and host.exists() else b""
        write_atomically(host, before + item.content)
        if item.owner != ROOT:
            self._guest.accounts.give(item.path, item.owner)

    def _make_run(self) -> Run:
        guest = self._guest
        return Run(
            guest=guest,
            files=guest.files,
            user=ROOT,
            groups=frozenset({ROOT}),
            environment={"HOME": "/root", "USER": ROOT},
            write=self._log,
            write_error=self._log,
            programs=guest.programs(),
            speaker="/var/lib/cloud/instance/scripts/runcmd: 1",
        )

    def _log(self, data: bytes) -> None:
        with self._guest.files.host(LOG).open("ab") as stream:
            stream.write(data)

    def _save(self) -> None:
        save_json(self._guest.files.host(RECORD), self._record)
