"""Who is logged in to which registry: `.docker/config.json` in the user's home, as Docker keeps it.

The password stands there in base64, for whoever reads the disk: also when the disk is an image.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from local_azure.guests.simulated.durable import load_json, write_atomically
from local_azure.guests.simulated.running import Run

HUB_KEY = "https://index.docker.io/v1/"
"""Docker Hub's name in the file."""


def path(run: Run) -> str:
    """The file of the user who runs."""
    return f"{run.environment.get('HOME', '/')}/.docker/config.json"


def is_known(run: Run, registry: str) -> bool:
    """Whether the user has logged in to a registry."""
    return _key(registry) in _read(run).get("auths", {})


def keep(run: Run, registry: str, user: str, password: str) -> None:
    """Log in."""
    config = _read(run)
    secret = base64.b64encode(f"{user}:{password}".encode()).decode()
    config.setdefault("auths", {})[_key(registry)] = {"auth": secret}
    _write(run, config)


def forget(run: Run, registry: str) -> None:
    """Log out."""
    config = _read(run)
    if config.get("auths", {}).pop(_key(registry), None):
        _write(run, config)


def _key(registry: str) -> str:
    return HUB_KEY if registry == "docker.io" else registry


def _read(run: Run) -> dict[str, Any]:
    try:
        found: dict[str, Any] = load_json(run.guest.files.host(path(run)), {})
    except ValueError:
        return {}
    return found


def _write(run: Run, config: dict[str, Any]) -> None:
    text = json.dumps(config, indent="\t")
    write_atomically(run.guest.files.host(path(run)), text.encode(), 0o600)
