"""`oa-vm resources --hook`: what costs right now, in a line each, for shells that start up.

Says nothing only if Azure was asked and has no pool of ours. Starts nothing, waits a few seconds at
most, and says UNKNOWN whenever there is no whole answer: silence would be taken for an all-clear.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from vmpool.errors import VmPoolError

UNKNOWN = 3
"""Exit code: Azure could not be asked."""
ASK_WALL_SECONDS = 10.0
"""Longer than Azure needs for four lists, shorter than anybody waits for a prompt."""


def run_hook() -> NoReturn:
    """Print the lines and end the process: its threads may hang on a dead network.

    Exit code 0 if Azure could be asked, else 3.
    """
    code = UNKNOWN
    with suppress(OSError):  # nobody reads any more
        code = 0 if warn() else UNKNOWN
        sys.stdout.flush()
    os._exit(code)


def warn() -> bool:
    """Print a line for each pool of the subscription that costs something.

    Returns:
        Whether Azure could be asked; if not, the line says so.
    """
    answers: list[list[str]] = []
    troubles: list[str] = []

    def ask() -> None:
        try:
            answers.append(_lines())
        except Exception as error:  # noqa: BLE001 # whatever it is, it is no all-clear
            is_ours = isinstance(error, VmPoolError)
            troubles.append(str(error) if is_ours else f"{type(error).__name__}: {error}")

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ASK_WALL_SECONDS)
    if answers:
        for line in answers[0]:
            _say(line)
        return True
    why = troubles[0] if troubles else f"no answer within {ASK_WALL_SECONDS:.0f} s"
    _say(f"oa-vm: UNKNOWN what runs and costs: {' '.join(why.split())}")
    return False


def _say(line: str) -> None:
    """A plain line; rich takes longer to load than all the rest."""
    sys.stdout.write(line + "\n")


def _lines() -> list[str]:
    # Imported in the thread: what can't be loaded is no all-clear either.
    from vmpool.arm.clients import connect  # noqa: PLC0415
    from vmpool.arm.inventory import pools_everywhere  # noqa: PLC0415
    from vmpool.hints import hint  # noqa: PLC0415
    from vmpool.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    cloud = connect(settings)
    return [
        hint(observed, settings.resource_group, settings.pool)
        for observed in pools_everywhere(cloud)
    ]
