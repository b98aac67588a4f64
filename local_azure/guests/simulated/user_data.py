"""Cloud-init user data: what a document asks for, and what is wrong with it.

`#cloud-config` only. A shell script cannot run in a simulated guest: that is an error of the boot,
not silence. Unknown keys are recoverable errors, as cloud-init's schema check makes them.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml  # type: ignore[import-untyped] # PyYAML ships no types

HEADER = b"#cloud-config"
GZIP = ("gz", "gzip", "gz+base64", "gzip+base64", "gz+b64", "gzip+b64")
BASE64 = ("b64", "base64", *GZIP[2:])
KNOWN_KEYS = frozenset(
    """
    allow_public_ssh_keys apt bootcmd chpasswd datasource disable_root disk_setup final_message
    fqdn fs_setup groups growpart hostname keyboard locale manage_etc_hosts merge_how mounts
    no_ssh_fingerprints ntp output package_reboot_if_required package_update package_upgrade
    packages phone_home power_state preserve_hostname resize_rootfs runcmd snap ssh
    ssh_authorized_keys ssh_deletekeys ssh_genkeytypes ssh_keys ssh_publish_hostkeys ssh_pwauth
    ssh_quiet_keygen swap system_info timezone user users version write_files
    """.split()  # noqa: SIM905 # a list of fifty would be fifty lines
)  # fmt: skip


@dataclass(frozen=True)
class FileToWrite:
    """One item of `write_files`; `is_late` when `defer` asks for it."""

    path: str
    content: bytes
    owner: str
    is_append: bool
    is_late: bool


@dataclass(frozen=True)
class User:
    """One item of `users`."""

    name: str
    groups: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass
class UserData:
    """A document, read.

    Attributes:
        users: users to make, without the default one.
        groups: group -> members.
        default_groups: groups that the default user joins.
        default_keys: keys that the default user gets besides.
        files: files to write.
        packages: packages to install.
        commands: `runcmd`, each a command line.
        host_key: private ed25519 host key, or "".
        warnings: recoverable errors.
        errors: errors.
    """

    users: list[User] = field(default_factory=list)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    default_groups: tuple[str, ...] = ()
    default_keys: tuple[str, ...] = ()
    files: list[FileToWrite] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    host_key: str = ""
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def read_user_data(raw: bytes) -> UserData:
    """Read user data; what is wrong with it is in the answer, nothing is raised."""
    data = UserData()
    if not raw.strip():
        return data
    if raw.startswith(b"#!"):
        data.errors.append("a simulated guest runs no user-data scripts; use #cloud-config")
        return data
    if not raw.startswith(HEADER):
        data.warnings.append("Unhandled non-multipart (text/x-not-multipart) userdata")
        return data
    try:
        document = yaml.safe_load(raw.decode()) or {}
        _fill(data, document)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        data.warnings.append(f"Failed loading yaml blob. {error}")
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        data.errors.append(f"Invalid cloud-config: {error}")
    return data


def _fill(data: UserData, document: Any) -> None:
    if not isinstance(document, dict):
        raise TypeError("not a mapping")
    unknown = sorted(str(key) for key in document if key not in KNOWN_KEYS)
    data.warnings += [f"cloud-config: {key} is not a known key" for key in unknown]
    data.host_key = str((document.get("ssh_keys") or {}).get("ed25519_private", ""))
    data.default_keys = tuple(_strings(document.get("ssh_authorized_keys")))
    default = (document.get("system_info") or {}).get("default_user") or {}
    data.default_groups = tuple(_strings(default.get("groups")))
    for item in document.get("users") or []:
        if isinstance(item, dict):
            data.users.append(_user(item))
        elif item != "default":
            data.users.append(User(str(item), (), ()))
    data.groups = dict(_groups(document.get("groups")))
    data.files = [_file(item) for item in document.get("write_files") or []]
    data.packages = [_package(item) for item in document.get("packages") or []]
    data.commands = [_command(item) for item in document.get("runcmd") or []]


def _strings(value: Any) -> list[str]:
    """A list, or words separated by commas."""
    if value is None:
        return []
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return [str(item) for item in value]


def _user(item: dict[str, Any]) -> User:
    keys = tuple(_strings(item.get("ssh_authorized_keys")))
    return User(str(item["name"]), tuple(_strings(item.get("groups"))), keys)


def _groups(value: Any) -> Iterable[tuple[str, tuple[str, ...]]]:
    items = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
    for item in items or _strings(value):
        if isinstance(item, dict):
            for group, members in item.items():
                yield str(group), tuple(_strings(members))
        else:
            yield str(item), ()


def _file(item: dict[str, Any]) -> FileToWrite:
    content = item.get("content") or ""
    data = content if isinstance(content, bytes) else str(content).encode()
    encoding = str(item.get("encoding", "text/plain")).lower()
    try:
        if encoding in BASE64:
            data = base64.b64decode(data)
        if encoding in GZIP:
            data = gzip.decompress(data)
    except (binascii.Error, OSError) as error:
        raise ValueError(f"write_files {item['path']}: {error}") from error
    owner = str(item.get("owner", "root:root")).partition(":")[0]
    return FileToWrite(
        str(item["path"]), data, owner, bool(item.get("append")), bool(item.get("defer"))
    )


def _package(item: Any) -> str:
    """A name, or a name with a version (which is not modelled)."""
    return str(item[0] if isinstance(item, list) else item)


def _command(item: Any) -> str:
    return item if isinstance(item, str) else shlex.join(str(word) for word in item)
