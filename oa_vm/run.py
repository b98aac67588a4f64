"""Runs a flow from the command line: stack up, progress shown, result returned.

Prefect is imported here, late: `pool-status`, `--help` and `--dry-run` do without it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import httpx
from rich.markup import escape

from oa_vm import stack
from oa_vm.logs import told
from oa_vm.output import err, table
from oa_vm.prefect_server import refuses
from oa_vm.progress import shown
from oa_vm.watch import Interrupts, run_watched
from vmpool.errors import PermanentError
from vmpool.forecast import EVAL_FLOW, Forecast
from vmpool.history import History, headline, run_of
from vmpool.model import Phase
from vmpool.settings import CloudKind, Settings
from vmpool.timing import Span, rows

IN_ORDER = "Ending in order, please wait. Ctrl-\\ ends it at once; what runs keeps its auto-pause."
Flow = Callable[..., Coroutine[Any, Any, dict[str, Any]]]


def run_flow(settings: Settings, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Run a flow in this process against the stack, which is started where it is missing.

    Args:
        settings: as read.
        name: the flow's name, `pool-create`.
        parameters: its parameters.

    Returns:
        What the flow returned.

    Raises:
        VmPoolError: what the flow raised.
        KeyboardInterrupt: Ctrl-C, or Prefect cancelled it; says what to look at.
        ServerLostError: the Prefect server ended under it.
    """
    with stack.running(settings) as url:
        from tasks.history import earlier_runs  # noqa: PLC0415 # imports Prefect: 1-2 s
        from tasks.session import listeners  # noqa: PLC0415 # as above

        history = asyncio.run(earlier_runs())
        forecast = Forecast(history, name, settings.pool)
        spans: list[Span] = []
        flow = _load(name)
        try:
            with shown(name, err, forecast, speed(settings)) as listener, told(err):
                token = listeners.set((listener, spans.append))
                try:
                    return _called(flow, parameters, partial(refuses, url), _look(name, settings))
                finally:
                    listeners.reset(token)
        finally:  # below the progress, also of a run that failed
            print_timings(name, settings.pool, [span for span in spans if span.ended], history)


def _called(
    flow: Flow, parameters: dict[str, Any], is_server_gone: Callable[[], bool], look: str
) -> dict[str, Any]:
    """Call a flow; what is Prefect's trouble, not ours, becomes one line too."""
    from prefect.exceptions import PrefectException, TerminationSignal  # noqa: PLC0415 # as above

    try:
        interrupts = Interrupts(lambda: err.print(IN_ORDER))
        return run_watched(flow(**parameters), is_server_gone, interrupts)
    except (KeyboardInterrupt, TerminationSignal) as error:
        raise KeyboardInterrupt(
            f"interrupted; whatever still runs keeps its auto-pause: {look}"
        ) from error
    except (PrefectException, httpx.HTTPError) as error:
        raise PermanentError(
            f"the Prefect server failed us ({type(error).__name__}: {error}): run the same again"
        ) from error


def _look(name: str, settings: Settings) -> str:
    """The command that shows what a flow has left; an image's builder belongs to no pool."""
    is_image = name.startswith("image-")
    return "oa-vm resources" if is_image else f"oa-vm pool-status --pool {settings.pool}"


def _load(name: str) -> Flow:
    function = name.replace("-", "_")
    flow: Flow = getattr(importlib.import_module(f"flows.{function}"), function)
    return flow


def speed(settings: Settings) -> float:
    """Cloud seconds per wall second: 1 on Azure, the local Azure's otherwise."""
    if settings.cloud is CloudKind.AZURE:
        return 1.0
    status = stack.local_status(settings)
    return status.speed if status else 1.0


def print_timings(name: str, pool: str, spans: list[Span], history: History) -> None:
    """The timing table, on stderr so that `--json` stays one document.

    A run that was refused at once has none: its one line says it all. How long an evaluation took
    is in its own headline, with what is before, between and after these phases.

    Args:
        name: the flow's name.
        pool: pool name.
        spans: what ended.
        history: the runs before, to mark what took too long.
    """
    spans = [span for span in spans if span.phase is not Phase.EVAL_UNIT]
    if any(not span.error for span in spans):
        run = run_of(name, pool, spans)
        shown_rows = [
            {key: escape(cell) for key, cell in row.items()}  # an error may have [/brackets] in it
            for row in rows(spans, history.over(run), err.width)
        ]
        title = f"Phases of {name}" if name == EVAL_FLOW else headline(name, run)
        err.print(table(title, shown_rows, numeric=("began", "took")))
