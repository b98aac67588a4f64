"""`oa-vm doctor`: what a first run needs, checked one by one, each with its mend."""

from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import asdict
from typing import Any

from oa_vm import prefect_server, stack
from vmpool.arm import checks as arm_checks
from vmpool.arm.checks import Check
from vmpool.arm.clients import connect
from vmpool.errors import VmPoolError
from vmpool.guest.keys import ensure_client_key
from vmpool.settings import Settings

OLDEST_PYTHON = (3, 11)
"""pyproject's requires-python."""
SCHEDULING_SQLALCHEMY = "2.0."
"""Prefect 3.8 accepts 2.1, with which its server fails to schedule any run."""


def check_all(settings: Settings) -> list[dict[str, Any]]:
    """Every check, in the order in which a run needs them; none stops the others."""
    checks = [_versions(), _ssh_key(settings), _prefect(settings)]
    try:
        cloud = connect(settings)
    except VmPoolError as error:
        return [asdict(check) for check in [*checks, Check("Azure", False, str(error), "")]]
    checks += arm_checks.run_all(cloud)
    return [asdict(check) for check in checks]


def _versions() -> Check:
    found = {name: importlib.metadata.version(name) for name in ("prefect", "sqlalchemy")}
    python = ".".join(str(part) for part in sys.version_info[:3])
    detail = f"Python {python}, Prefect {found['prefect']}, SQLAlchemy {found['sqlalchemy']}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Check("versions", False, detail, "install Python 3.11 or newer")
    if not found["sqlalchemy"].startswith(SCHEDULING_SQLALCHEMY):
        mend = "schedules do not run with it: pip install 'sqlalchemy<2.1'"
        return Check("versions", False, detail, mend)
    return Check("versions", True, detail, "")


def _ssh_key(settings: Settings) -> Check:
    """Looks only: the key is made when a VM first needs it."""
    file = settings.key_file
    if not file.exists():
        return Check("SSH key", True, f"none yet at {file}", "made when first needed")
    try:
        line = ensure_client_key(file)
    except VmPoolError as error:
        return Check("SSH key", False, str(error), "")
    return Check("SSH key", True, f"{file} ({line.split()[0]})", "")


def _prefect(settings: Settings) -> Check:
    url = stack.healthy_prefect(settings)
    if url is None:
        mend = "started when a command needs it; oa-vm up runs it in sight"
        return Check("Prefect server", True, "not running", mend)
    if prefect_server.answers(url):
        return Check("Prefect server", True, url, "")
    mend = "start it, or unset PREFECT_API_URL to have one here"
    return Check("Prefect server", False, f"{url} does not answer", mend)
