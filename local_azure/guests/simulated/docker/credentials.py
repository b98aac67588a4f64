"""Who is logged in to which registry: `config.json` of Docker's client, as Docker keeps it.

It is in the folder of `docker --config`, else of `DOCKER_CONFIG`, else in the user's home. The
password stands there in base64, for whoever reads the disk: also when the disk is an image.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from local_azure.guests.simulated.docker.registry import Login
from local_azure.guests.simulated.durable import load_json, write_atomically
from local_azure.guests.simulated.running import Run
from local_azure.oci.references import HUB

HUB_KEY = "https://index.docker.io/v1/"
"""Docker Hub's name in the file."""
FOLDER = "DOCKER_CONFIG"
"""The variable that names the folder; `docker --config` sets it for its command."""


def path(run: Run) -> str:
    """The file of the user who runs."""
    folder = run.environment.get(FOLDER) or f"{run.environment.get('HOME', '/')}/.docker"
    return run.path(f"{folder}/config.json")


def find(run: Run, registry: str) -> Login | None:
    """What the user has logged in to a registry with."""
    kept = _read(run).get("auths", {}).get(_key(registry))
    if kept is None:
        return None
    try:
        user, _, password = base64.b64decode(kept["auth"]).decode().partition(":")
    except (KeyError, TypeError, binascii.Error, UnicodeDecodeError):
        return None
    return Login(user, password)


def keep(run: Run, registry: str, login: Login) -> None:
    """Log in."""
    config = _read(run)
    secret = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
    config.setdefault("auths", {})[_key(registry)] = {"auth": secret}
    _write(run, config)


def forget(run: Run, registry: str) -> bool:
    """Log out; whether anybody was logged in."""
    config = _read(run)
    if not config.get("auths", {}).pop(_key(registry), None):
        return False
    _write(run, config)
    return True


def _key(registry: str) -> str:
    return HUB_KEY if registry == HUB else registry


def _read(run: Run) -> dict[str, Any]:
    file = path(run)
    run.guest.accounts.check_read(run.user, file)
    try:
        found: dict[str, Any] = load_json(run.guest.files.host(file), {})
    except ValueError:
        return {}
    return found


def _write(run: Run, config: dict[str, Any]) -> None:
    run.guest.accounts.check_write(run.user, path(run))
    text = json.dumps(config, indent="\t")
    write_atomically(run.guest.files.host(path(run)), text.encode(), 0o600)
