"""What `--format` and `--quiet` make of the rows of a list."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from local_azure.guests.simulated.docker import templates, views
from local_azure.guests.simulated.running import Run

TABLE = "table "


def show(run: Run, rows: Sequence[dict[str, Any]], columns: Mapping[str, str], form: str) -> None:
    """Print rows as a table, as JSON lines, or each by a template.

    Args:
        run: the program's run.
        rows: what there is.
        columns: heading -> key, for the table.
        form: value of `--format`, or "".
    """
    for line in _lines(rows, columns, form):
        run.say(line)


def show_document(run: Run, document: Any, form: str) -> None:
    """Print one document as JSON or by a template."""
    run.say(json.dumps(document) if form == "json" else templates.render(form, document))


def show_ids(run: Run, rows: Sequence[dict[str, Any]]) -> None:
    """Print the ids alone, each once."""
    for line in dict.fromkeys(str(row["ID"]) for row in rows):
        run.say(line)


def _lines(rows: Sequence[dict[str, Any]], columns: Mapping[str, str], form: str) -> list[str]:
    if form == "json":
        return [json.dumps(row) for row in rows]
    if form:
        return [templates.render(form.removeprefix(TABLE), row) for row in rows]
    return views.table(dict(columns), list(rows))
