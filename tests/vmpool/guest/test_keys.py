from __future__ import annotations

import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vmpool.errors import UsageError
from vmpool.guest.keys import ensure_client_key, new_host_key


def test_the_client_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "id_ed25519"
    line = ensure_client_key(file)
    assert line.startswith("ssh-ed25519 ")
    assert ensure_client_key(file) == line
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [item.name for item in file.parent.iterdir()] == [file.name]


def test_commands_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    file = tmp_path / "id_ed25519"
    with ThreadPoolExecutor(8) as pool:
        lines = set(pool.map(lambda _: ensure_client_key(file), range(8)))
    assert len(lines) == 1


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_key_of_the_user_is_taken_as_it_is(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "mine"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file], check=True)
    public = file.with_suffix(".pub").read_text().split()
    assert ensure_client_key(file).split() == public[:2]


def test_a_key_with_a_passphrase_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", file], check=True)
    with pytest.raises(UsageError, match="WAA_SSH_KEY_FILE"):
        ensure_client_key(file)


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("hello")
    with pytest.raises(UsageError, match="is not an OpenSSH private key"):
        ensure_client_key(file)


def test_a_private_host_key_is_never_shown_by_repr() -> None:
    key = new_host_key()
    assert "PRIVATE KEY" in key.private_pem
    assert "PRIVATE" not in repr(key)
