"""`oa-vm doctor`: what a first run needs, checked one by one, each with its mend."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from oa_vm import stack
from vmpool.arm import checks as arm_checks
from vmpool.arm.checks import Check
from vmpool.arm.clients import connect
from vmpool.errors import VmPoolError
from vmpool.guest.keys import ensure_client_key
from vmpool.settings import Settings

OLDEST_PYTHON = (3, 11)
"""pyproject's requires-python."""


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
    is_ok = sys.version_info[:2] >= OLDEST_PYTHON
    python = ".".join(str(part) for part in sys.version_info[:3])
    detail = f"Python {python}, Prefect {importlib.metadata.version('prefect')}"
    return Check("versions", is_ok, detail, "" if is_ok else "install Python 3.11 or newer")


def _ssh_key(settings: Settings) -> Check:
    return _guarded(
        "SSH key", lambda: f"{settings.key_file}: {ensure_client_key(settings.key_file)[:30]}..."
    )


def _prefect(settings: Settings) -> Check:
    url = stack.healthy_prefect(settings)
    mend = "" if url else "it is started when a command needs it; oa-vm up runs it in sight"
    return Check("Prefect server", True, url or "not running;", mend)


def _guarded(name: str, find: Callable[[], str]) -> Check:
    try:
        return Check(name, True, find(), "")
    except VmPoolError as error:
        return Check(name, False, str(error), "")
