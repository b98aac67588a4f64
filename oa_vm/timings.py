"""`oa-vm timings`: what earlier runs took, against the goals and a set-up by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from oa_vm.options import Json
from oa_vm.output import err, out, print_json, table
from oa_vm.recorded import recorded
from vmpool.errors import UsageError
from vmpool.history import Figures, History
from vmpool.model import Phase
from vmpool.scenario import AIMS, GOAL, Aim, Scenario, aim_of
from vmpool.settings import Settings, check_pool_name, load_settings
from vmpool.timing import minutes
from vmpool.timings_page import page

DEFAULT_RUNS, MOST_RUNS = 50, 1000
NONE_YET = "every pool-create, pool-resume, pool-pause or image-create leaves some"


def timings(
    runs: Annotated[
        int, typer.Option("--runs", metavar="N", help="How many of the last runs to take.")
    ] = DEFAULT_RUNS,
    pool: Annotated[
        str | None,
        typer.Option("--pool", metavar="NAME", help="Runs of this pool only; default every pool."),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Phases as rows, scenarios side by side (p50).")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write a page with plots to this file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how long each phase took over the last runs, p50 and p95, against the goals."""
    if not 1 <= runs <= MOST_RUNS:
        raise UsageError(f"--runs {runs} is not between 1 and {MOST_RUNS}")
    settings = load_settings()
    history = _read(settings, runs, check_pool_name(pool) if pool else None)
    if as_json:
        print_json(history.document())
    elif not history.runs:
        whose = f" of pool {pool}" if pool else ""
        err.print(f"No timings{whose} yet: {NONE_YET}.")
    elif compare:
        print_comparison(history)
    else:
        print_history(history)
    if html and history.runs:
        try:
            html.write_text(page(history, datetime.now(UTC)), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--html {html}: {error.strerror}") from error
        err.print(f"Wrote {html}")


def _read(settings: Settings, runs: int, pool: str | None) -> History:
    async def read() -> History:
        from tasks.history import read_history  # noqa: PLC0415 # imports Prefect: 1-2 s

        return await read_history(runs, pool)

    return recorded(settings, read) or History()


def print_history(history: History) -> None:
    """Per scenario its phases, and the whole run against its goal or the figure by hand."""
    for way in history.scenarios:
        rows = [_row(phase.value, known) for phase, known in history.of(way).items()]
        total, aim = history.totals.get(way), aim_of(way)
        if total:
            rows.append(_row("whole run", total) | _against(total, aim))
        word = aim.word if aim else ""
        cells = [{**row, word: row.get(word, "")} for row in rows]
        out.print(table(way, cells, numeric=("runs", "p50", "p95")))
        out.print()


def _row(name: str, known: Figures) -> dict[str, str]:
    return {
        "phase": name,
        "runs": str(known.runs),
        "p50": minutes(known.p50),
        "p95": minutes(known.p95),
    }


def _against(total: Figures, aim: Aim | None) -> dict[str, str]:
    if aim is None:
        return {}
    good, bad = ("met", "missed") if aim.word == GOAL else ("faster", "slower")
    said = f"[green]{good}[/]" if total.p50 <= aim.seconds else f"[yellow]{bad}[/]"
    return {aim.word: f"{aim.minutes:g} min: {said}"}


def print_comparison(history: History) -> None:
    """Phases as rows, the ways to ready as columns: which ran, and their medians."""
    ways = [str(way) for way in Scenario if str(way) in history.scenarios]
    if not ways:
        err.print("No pool has become ready yet: there is nothing to compare.")
        return
    figures = {way: history.of(way) for way in ways}
    rows = [
        {"phase": phase.value} | {_head(way): _median(figures[way].get(phase)) for way in ways}
        for phase in Phase
        if any(phase in known for known in figures.values())
    ]
    whole = {_head(way): _median(history.totals.get(way)) for way in ways}
    counts = {_head(way): str(_runs(history, way)) for way in ways}
    rows += [{"phase": "whole run"} | whole]
    rows += [{"phase": word} | {_head(way): _aim(way, word) for way in ways} for word in AIMS]
    rows += [{"phase": "runs"} | counts]
    out.print(table("Minutes on the way to ready, p50", rows, numeric=[_head(way) for way in ways]))


def _aim(way: str, word: str) -> str:
    aim = aim_of(way)
    return minutes(aim.seconds) if aim and aim.word == word else "-"


def _head(way: str) -> str:
    """A heading of two lines where there are two words: six columns fit a terminal."""
    return way.replace(", ", ",\n")


def _median(known: Figures | None) -> str:
    return minutes(known.p50) if known else "-"


def _runs(history: History, way: str) -> int:
    return sum(run.scenario == way for run in history.runs)
