"""Runs a flow in this process and ends the process with SIGKILL in the middle of a phase.

    python tests/killed_flow.py FLOW WORKER PHASE [PARAMETER=JSON...]

Exit code 0: the flow ended well before that. It is run as a process of its own by tests.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
import threading

from tasks.session import listeners
from vmpool.timing import Span

INTO_WALL_SECONDS = 0.03
"""How far into a phase: its request is on its way, its answer seldom here."""


def main() -> None:
    """Run it."""
    name, worker, phase, *rest = sys.argv[1:]
    parameters = {
        key: json.loads(value) for key, _, value in (item.partition("=") for item in rest)
    }

    def kill(span: Span) -> None:
        if (span.worker, span.phase.value) == (worker, phase) and span.ended is None:
            end = threading.Timer(INTO_WALL_SECONDS, os.kill, (os.getpid(), signal.SIGKILL))
            end.start()

    listeners.set((kill,))
    asyncio.run(getattr(importlib.import_module(f"flows.{name}"), name)(**parameters))


if __name__ == "__main__":
    main()
