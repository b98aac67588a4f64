"""Patterns of a command line that stand for files: `*` and `?` outside of quotes.

As in a shell: names in order, hidden ones left out, and a pattern that fits nothing stays as it is.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_azure.guests.simulated.running import Run

MARKS = {"*": "\ue000", "?": "\ue001"}
"""What stands for an unquoted `*` or `?` in a word until it is expanded."""


def expand(run: Run, word: str) -> list[str]:
    """The files that a word stands for, or the word itself."""
    if not any(mark in word for mark in MARKS.values()):
        return [word]
    pattern = word
    for character, mark in MARKS.items():
        pattern = pattern.replace(mark, character)
    found = [""]
    for number, part in enumerate(word.split("/")):
        found = [name for before in found for name in _step(run, before, part, number)]
    return found or [pattern]


def _step(run: Run, before: str, part: str, number: int) -> list[str]:
    """One component of a path more."""
    place = f"{before}/" if number else ""
    if not any(mark in part for mark in MARKS.values()):
        shown = f"{place}{part}"
        return [shown] if not part or run.files.host(run.path(shown)).exists() else []
    for character, mark in MARKS.items():
        part = part.replace(mark, character)
    names = _names(run, place or ".")
    return [f"{place}{name}" for name in names if fnmatch.fnmatchcase(name, part)]


def _names(run: Run, folder: str) -> list[str]:
    try:
        run.guest.accounts.check_read(run.user, run.files.guest(run.path(folder)))
        names = sorted(entry.name for entry in run.files.host(run.path(folder)).iterdir())
    except OSError:
        return []
    return [name for name in names if not name.startswith(".")]
