"""Where words go: results to stdout, everything else to stderr; JSON is exactly one document."""

from __future__ import annotations

import json
import os
import select
import stat
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, TextIO

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from oa_vm.wrapping import wrapped
from vmpool.errors import CloudUnreachableError, CredentialsError, UsageError, VmPoolError
from vmpool.timing import GAP, short_worker

FAILED, USAGE, UNKNOWN = 1, 2, 3
"""Exit codes: failed, wrong input, Azure could not be asked."""


class Paper(Console):
    """Breaks lines of words between words on a terminal; elsewhere a line stays one, for grep."""

    def print(self, *objects: Any, markup: bool | None = True, **options: Any) -> None:
        """Print words or what Rich draws.

        Args:
            objects: one `str` or `Text`, or anything that Rich can draw.
            markup: whether a `str` may have `[bold]` and the like in it.
            options: of `Console.print`.
        """
        if len(objects) != 1 or not isinstance(objects[0], str | Text):
            super().print(*objects, **options)
            return
        words = objects[0]
        if isinstance(words, str):
            words = Text.from_markup(words, emoji=False) if markup else Text(words)
        shown = wrapped(words, self.width) if self.is_terminal else words
        super().print(shown, soft_wrap=True, **options)


out = Paper(highlight=False)
err = Paper(stderr=True, highlight=False)

STATE_STYLES = {
    "ready": "green",
    "running": "green",
    "paused": "cyan",
    "deallocated": "cyan",
    "degraded": "yellow",
    "stopped": "yellow",
    "failed": "red",
    "unknown": "bold red",
}
"""Colours of states; a word without an entry is printed plain."""


def exit_code(error: VmPoolError) -> int:
    """The documented exit code of an error."""
    if isinstance(error, UsageError):
        return USAGE
    if isinstance(error, CloudUnreachableError | CredentialsError):
        return UNKNOWN
    return FAILED


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def give_up(to: TextIO) -> None:
    """Write to nowhere from now on: nobody reads any more, and Python flushes at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, to.fileno())
    os.close(nowhere)


def has_reader(of: TextIO) -> bool:
    """Whether anybody may still read what is written there; asked without writing.

    A write tells it too, but what is held open, or a log that is silent, may have nothing to write.
    A terminal is no pipe: closed, it sends SIGHUP, and whoever ignores that chose to go on.

    Args:
        of: one of our outputs; what is neither a pipe nor a socket is always read.
    """
    mode = os.fstat(of.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return True
    poll = select.poll()
    poll.register(of.fileno(), select.POLLRDBAND)  # Linux would take 0, macOS and illumos don't
    return not any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def say(words: str) -> None:
    """A line on stdout; the terminal may have been closed under us."""
    with suppress(OSError):
        out.print(words)


def ask_to_delete(command: str, question: str) -> None:
    """Ask before data goes; whoever says no, or Ctrl-C, ends the command.

    Args:
        command: the command's name, for the message.
        question: what is asked.

    Raises:
        UsageError: there is no terminal at which anybody could answer.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"{command} deletes data and nobody can be asked here: add -y")
    try:
        is_wanted = typer.confirm(wrapped(Text(question), err.width).plain, err=True)
    except typer.Abort:
        err.print()  # below the question
        raise KeyboardInterrupt from None
    if not is_wanted:
        raise typer.Abort


def styled(word: str) -> str:
    """A state's word in its colour."""
    style = STATE_STYLES.get(word)
    return f"[{style}]{word}[/]" if style else word


def _columns(rows: Sequence[Mapping[str, str]]) -> int:
    """What a table takes when nothing in it is broken."""
    names = rows[0] if rows else ()
    cells = [[name, *(Text.from_markup(row[name]).plain for row in rows)] for name in names]
    widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in cells]
    return sum(widths) + GAP * max(len(widths) - 1, 0)


def table(title: str, rows: Sequence[Mapping[str, str]], *, numeric: Sequence[str] = ()) -> Group:
    """A table as wide as the terminal at most, out of rows with equal keys.

    Long workers' names lose their middle before anything else would be broken in two.

    Args:
        title: printed above, on one line also where the table is narrower.
        rows: cells by column name; markup allowed.
        numeric: columns that are aligned to the right.
    """
    if _columns(rows) > out.width:
        rows = [{**row, "worker": short_worker(row["worker"])} if "worker" in row else row
                for row in rows]  # fmt: skip
    made = Table(box=None, pad_edge=False)
    for column in rows[0] if rows else ():
        is_number = column in numeric
        made.add_column(
            column,
            justify="right" if is_number else "left",
            no_wrap=column in ("worker", "phase", "image", *numeric),
            overflow="fold",
        )
    for row in rows:
        made.add_row(*row.values())
    return Group(Text.from_markup(title, style="bold"), made) if title else Group(made)
