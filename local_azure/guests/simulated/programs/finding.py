"""`find`: walks a tree of the guest and shows, or deletes, what fits every test.

Tests: -name, -iname, -path, -type, -empty, -size, with `!` or -not before them. Actions: -print,
-print0, -delete. Everything else of find's language is refused by name.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from local_azure.guests.simulated.programs.files import may_read
from local_azure.guests.simulated.running import ProgramError, Run

Test = Callable[[str, Path], bool]
UNITS = {"c": 1, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30, "b": 512}
TYPES: dict[str, Callable[[Path], bool]] = {
    "f": Path.is_file, "d": Path.is_dir, "l": Path.is_symlink,
}  # fmt: skip
ACTIONS = ("-print", "-print0", "-delete")
TEMP = "/mnt"
"""Another file system than `/`, for -xdev."""


@dataclass
class Wanted:
    """What a command line asks for.

    Attributes:
        paths: where to begin.
        tests: all must hold.
        action: one of `ACTIONS`.
        least: -mindepth.
        most: -maxdepth.
        stays: -xdev.
        has_failed: a folder could not be read.
    """

    paths: list[str] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)
    action: str = "-print"
    least: int = 0
    most: int = 1_000
    stays: bool = False
    has_failed: bool = False


async def find(run: Run) -> int:
    """`find [PATH...] [-xdev] [-maxdepth N] [TEST...] [-print | -print0 | -delete]`."""
    wanted, code = _read(list(run.arguments)), 0
    for path in wanted.paths or ["."]:
        if not run.files.host(run.path(path)).exists():
            run.complain(f"find: '{path}': No such file or directory")
            code = 1
            continue
        for shown in list(_walk(run, path, wanted, 0)):
            code |= _act(run, shown, wanted)
    return code | wanted.has_failed


def _read(words: list[str]) -> Wanted:
    wanted = Wanted()
    while words and not words[0].startswith(("-", "!")):
        wanted.paths.append(words.pop(0))
    is_negated = False
    while words:
        word = words.pop(0)
        if word in ("!", "-not"):
            is_negated = not is_negated
        elif word in ACTIONS:
            wanted.action = word
        elif word in ("-xdev", "-mount"):
            wanted.stays = True
        elif word in ("-maxdepth", "-mindepth"):
            depth = int(_value(word, words))
            wanted.most, wanted.least = (
                (depth, wanted.least) if word == "-maxdepth" else (wanted.most, depth)
            )
        else:
            wanted.tests.append(_test(word, words, is_negated=is_negated))
            is_negated = False
    return wanted


def _value(word: str, words: list[str]) -> str:
    if not words:
        raise ProgramError(f"find: missing argument to `{word}'")
    return words.pop(0)


def _test(word: str, words: list[str], *, is_negated: bool) -> Test:
    test = _plain_test(word, words)
    return (lambda shown, host: not test(shown, host)) if is_negated else test


def _plain_test(word: str, words: list[str]) -> Test:
    if word == "-empty":
        return lambda _shown, host: _is_empty(host)
    if word not in ("-name", "-iname", "-path", "-type", "-size"):
        raise ProgramError(f"find: unknown predicate `{word}'")
    value = _value(word, words)
    if word == "-type":
        if value not in TYPES:
            raise ProgramError(f"find: Unknown argument to -type: {value}")
        return lambda _shown, host: TYPES[value](host)
    if word == "-size":
        return _size_test(value)
    if word == "-path":
        return lambda shown, _host: fnmatch.fnmatchcase(shown, value)
    if word == "-iname":
        return lambda shown, _host: fnmatch.fnmatchcase(_name(shown).lower(), value.lower())
    return lambda shown, _host: fnmatch.fnmatchcase(_name(shown), value)


def _name(shown: str) -> str:
    return shown.rstrip("/").rpartition("/")[2] or "/"


def _is_empty(host: Path) -> bool:
    return not any(host.iterdir()) if host.is_dir() else host.lstat().st_size == 0


def _size_test(value: str) -> Test:
    """`-size [+-]N[ckMG]`; sizes are rounded up to the unit, as find does."""
    sign, number = value[:1], value.lstrip("+-")
    unit = UNITS.get(number[-1:], 0)
    if not (number[:-1] if unit else number).isdigit():
        raise ProgramError(f"find: Invalid argument `{value}' to -size")
    count, unit = int(number[:-1] if unit else number), unit or UNITS["b"]

    def holds(_shown: str, host: Path) -> bool:
        own = -(-host.lstat().st_size // unit)
        return own > count if sign == "+" else own < count if sign == "-" else own == count

    return holds


def _walk(run: Run, shown: str, wanted: Wanted, depth: int) -> Iterator[str]:
    """Everything from a path on that fits; what is inside a folder comes first for -delete."""
    host = run.files.host(run.path(shown))
    fits = depth >= wanted.least and all(test(shown, host) for test in wanted.tests)
    inside: list[str] = []
    is_left_out = wanted.stays and depth > 0 and run.path(shown) == TEMP
    if host.is_dir() and not host.is_symlink() and depth < wanted.most and not is_left_out:
        for child in _inside(run, shown, wanted):
            inside += _walk(run, child, wanted, depth + 1)
    own = [shown] if fits else []
    yield from [*inside, *own] if wanted.action == "-delete" else [*own, *inside]


def _inside(run: Run, shown: str, wanted: Wanted) -> list[str]:
    try:
        return children(run, shown)
    except OSError as error:
        run.complain(f"find: '{shown}': {error.strerror}")
        wanted.has_failed = True
        return []


def children(run: Run, folder: str) -> list[str]:
    """Paths of everything in a folder, in order.

    Raises:
        OSError: the user may not look into it.
    """
    host = may_read(run, folder)
    return [f"{folder.rstrip('/')}/{name}" for name in sorted(each.name for each in host.iterdir())]


def _act(run: Run, shown: str, wanted: Wanted) -> int:
    if wanted.action != "-delete":
        run.write(f"{shown}{chr(0) if wanted.action == '-print0' else chr(10)}".encode())
        return 0
    clean = run.path(shown)
    host = run.files.host(clean)
    try:
        run.guest.accounts.check_write(run.user, run.files.guest(clean))
        if not host.is_dir():
            host.unlink()
        elif clean != TEMP:
            host.rmdir()
    except OSError as error:
        run.complain(f"find: cannot delete '{shown}': {error.strerror}")
        return 1
    return 0


PROGRAMS = {"find": find}
