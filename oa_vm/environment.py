"""What our processes hand on to their children: settings as `WAA_*`, and Prefect's own variables.

Flow runs start in a folder of their own where no `.env` lies, and tools may override settings on
the command line: so whatever was set, from wherever, travels as variables. This module writes
variables; the one reader of `WAA_*` is `vmpool.settings`.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from vmpool.settings import Settings

LEASES_ON_DISK = "prefect.server.concurrency.lease_storage.filesystem"
"""With the default, in memory, a lock whose holder and server both die sticks for ever."""
RECORDER = "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER"
RECORDED_TOGETHER = {f"{RECORDER}_BATCH_SIZE": "50", f"{RECORDER}_FLUSH_INTERVAL": "1"}
"""Task runs are written each second, together. Prefect writes each of their states alone, which is
two thirds of all that its server computes. Below a second it would write without a pause."""
OTHERS = ("PREFECT_PROFILE", "PREFECT_PROFILES_PATH", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
"""Variables of a user's other Prefect, which must not leak into the local stack's."""


def foreign_prefect() -> str | None:
    """The API address that the user has set for Prefect; then none of ours is started."""
    return os.environ.get("PREFECT_API_URL") or None


def foreign_prefect_headers() -> dict[str, str]:
    """How the user's own Prefect lets us in, if it asks: Prefect's own two variables."""
    if key := os.environ.get("PREFECT_API_KEY"):
        return {"Authorization": f"Bearer {key}"}
    if pair := os.environ.get("PREFECT_API_AUTH_STRING"):
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def waa_variables(settings: Settings) -> dict[str, str]:
    """The settings that were given, as variables; paths made absolute, folders always.

    A deployed run works in a folder of its own that goes with it: no path may be relative there.
    """
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    given |= {"state_dir": settings.state_dir, "results_dir": settings.results_dir}
    return {f"WAA_{k.upper()}": _text(v) for k, v in sorted(given.items()) if v is not None}


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    if isinstance(value, Path):
        return str(value.expanduser().absolute())
    return str(value.value) if isinstance(value, Enum) else str(value)


def prefect_variables(settings: Settings, url: str) -> dict[str, str]:
    """Variables of every Prefect process that talks to `url`."""
    if url == foreign_prefect():
        return {"PREFECT_API_URL": url}
    return {
        "PREFECT_API_URL": url,
        "PREFECT_HOME": str(settings.prefect_home.expanduser().absolute()),
        # Both try to phone home otherwise.
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def server_variables(settings: Settings, url: str) -> dict[str, str]:
    """Variables of the local Prefect server beside those of every process."""
    return {
        **prefect_variables(settings, url),
        # The UI asks port 4200 otherwise, wherever the server is.
        "PREFECT_SERVER_UI_API_URL": url,
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES_ON_DISK,
        **RECORDED_TOGETHER,
        # Five minutes by default: so long a killed auto-pause would keep the next ones away.
        "PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION": "60",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child process: ours, without an unused Prefect's, plus `variables`.

    Our own interpreter is the `python` on its PATH.
    """
    others = () if foreign_prefect() else OTHERS
    own = {key: value for key, value in os.environ.items() if key not in others}
    path = os.pathsep.join([str(Path(sys.executable).parent), own.get("PATH", os.defpath)])
    return {**own, "PATH": path, **variables}


@contextmanager
def exported(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables in this process while the block runs."""
    before = {key: os.environ.get(key) for key in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
