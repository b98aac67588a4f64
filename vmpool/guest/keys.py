"""SSH keys: ours, that opens every VM, and the host key that each VM is given at its creation.

A host key that we make ourselves and hand over in the user data can be verified strictly from the
first connection on: there is no moment in which an unknown key must be believed.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from vmpool.errors import UsageError


@dataclass(frozen=True)
class HostKey:
    """A VM's SSH host key.

    Attributes:
        private_pem: OpenSSH private key, for the VM only.
        public_line: `ssh-ed25519 AAAA...`, for everybody.
    """

    private_pem: str = field(repr=False)
    public_line: str


def new_host_key() -> HostKey:
    """A fresh ed25519 host key."""
    key = Ed25519PrivateKey.generate()
    return HostKey(_private(key).decode(), _public_line(key))


def ensure_client_key(file: Path) -> str:
    """Our public key as a line; the private one is made if there is none.

    Args:
        file: private key in OpenSSH's format.

    Raises:
        UsageError: it can't be read, needs a passphrase, or can't be written.
    """
    try:
        _make_if_missing(file)
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"SSH key {file}: {error.strerror}: set WAA_SSH_KEY_FILE") from error
    return read_public_line(file, content)


def check_client_key(file: Path, *, is_named: bool) -> None:
    """Refuse a run whose key could not open anything.

    Args:
        file: private key.
        is_named: whether the user named it; then a new one in its place would open no VM.

    Raises:
        UsageError: it was named and is not there, or can't be used.
    """
    if is_named and not file.exists():
        raise UsageError(f"SSH key {file} does not exist: correct or unset WAA_SSH_KEY_FILE")
    ensure_client_key(file)


def read_public_line(file: Path, content: bytes) -> str:
    """The public half of a private key.

    Args:
        file: where it came from, for messages.
        content: the private key.

    Raises:
        UsageError: it is not one, or needs a passphrase.
    """
    try:
        key = load_ssh_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"SSH key {file} is not an OpenSSH private key without passphrase: "
            "set WAA_SSH_KEY_FILE to another (ssh-keygen -t ed25519 -N '' makes one)"
        ) from error
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _make_if_missing(file: Path) -> None:
    """Commands and threads at once must agree on one key: it appears whole, if none is there."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.") as draft:  # 0600
        draft.write(_private(Ed25519PrivateKey.generate()))
        draft.flush()
        with contextlib.suppress(FileExistsError):  # another command was quicker; its key counts
            os.link(draft.name, file)


def _private(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def _public_line(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
