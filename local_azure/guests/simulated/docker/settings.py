"""The engine's configuration file: where its data-root is. Other settings have no effect here."""

from __future__ import annotations

import json

from local_azure.guests.simulated.files import FileView, normalise

CONFIG = "/etc/docker/daemon.json"
DEFAULT_ROOT = "/var/lib/docker"


def daemon_root(files: FileView) -> str:
    """The data-root that `daemon.json` names, or Docker's own.

    Raises:
        ValueError: the file is no JSON.
        AttributeError: it is no object.
        OSError: it can't be read.
    """
    try:
        text = files.host(CONFIG).read_text()
    except FileNotFoundError:
        return DEFAULT_ROOT
    return normalise(str(json.loads(text or "{}").get("data-root", DEFAULT_ROOT)))
