"""What flows and tasks log, for a person at a terminal: their own words as plain lines.

Prefect's lines and tracebacks stay out of the terminal; they are in the run's log in the UI.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.text import Text

from oa_vm.output import Paper

LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
OURS = ("flows", "tasks")
STYLES = {logging.WARNING: "yellow", logging.ERROR: "red"}


class _Teller(logging.Handler):
    """Prints what our own files log."""

    def __init__(self, console: Paper) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record of ours; Prefect's come from other folders."""
        if Path(record.pathname).parent.name in OURS and not _is_shown_elsewhere(record):
            style = STYLES.get(record.levelno, "")
            self._console.print(Text(record.getMessage(), style))


def _is_shown_elsewhere(record: logging.LogRecord) -> bool:
    """Phases are in the progress display, and why a run fails is the command's last line."""
    if getattr(record, "is_output", False):
        return False
    is_phase = record.name.startswith("prefect.task_runs") and record.levelno < logging.WARNING
    return is_phase or getattr(record, "is_last_words", False)


@contextmanager
def told(console: Paper) -> Iterator[None]:
    """Print what flows and tasks log while the block runs.

    Args:
        console: where to; stderr, so that stdout stays clean.
    """
    teller = _Teller(console)
    for name in LOGGERS:
        logging.getLogger(name).addHandler(teller)
    try:
        yield
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(teller)
