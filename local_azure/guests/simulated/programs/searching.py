"""`grep`: lines of files, of trees or of standard input that fit a pattern.

Patterns are basic (default), extended (-E), Perl-like (-P) or plain texts (-F), turned into
Python's own; what grep and Python read differently beyond that is not used here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from local_azure.guests.simulated.programs.files import may_read
from local_azure.guests.simulated.programs.finding import children
from local_azure.guests.simulated.programs.options import Options, grammar
from local_azure.guests.simulated.running import ProgramError, Run

GREP = grammar(
    "-r -R -l -L -I -i -q -n -E -F -P -v -c -s -h -H -o -w -a -x --recursive --files-with-matches"
    " --ignore-case --quiet --extended-regexp --fixed-strings",
    "-e --regexp -m --include --exclude --exclude-dir --binary-files",
    code=2,
)
CLASSES = {
    "[:space:]": r"\s", "[:alnum:]": "A-Za-z0-9", "[:alpha:]": "A-Za-z", "[:digit:]": "0-9",
    "[:upper:]": "A-Z", "[:lower:]": "a-z", "[:xdigit:]": "0-9A-Fa-f", "[:blank:]": " \\t",
}  # fmt: skip
SWAPPED = set("+?|(){}")
"""Characters that basic expressions take literally, unless a backslash is before them."""
NOTHING, TROUBLE = 1, 2


@dataclass
class Search:
    """One search: the pattern, and how much was found."""

    pattern: re.Pattern[bytes]
    options: Options
    has_names: bool
    is_found: bool = False
    has_failed: bool = False


async def grep(run: Run) -> int:
    """`grep [-rlIiqnEFvcs] [-e] PATTERN [PATH...]`: 0 found, 1 not found, 2 trouble."""
    options = GREP.parse("grep", run.arguments)
    texts, paths = options.all("-e", "--regexp"), list(options.rest)
    if not texts:
        if not paths:
            raise ProgramError("Usage: grep [OPTION]... PATTERNS [FILE]...", TROUBLE)
        texts = [paths.pop(0)]
    is_deep = options.has("-r", "-R", "--recursive")
    has_names = (is_deep or len(paths) > 1 or options.has("-H")) and not options.has("-h")
    search = Search(_compile(texts, options), options, has_names)
    if not paths and not is_deep:
        _show(run, search, "(standard input)", await run.read())
    for path in paths or (["."] if is_deep else []):
        for file in _files(run, path, search, is_deep=is_deep):
            _look_into(run, search, file)
    if search.has_failed and not (search.is_found and options.has("-q", "--quiet")):
        return TROUBLE
    return 0 if search.is_found else NOTHING


def _compile(texts: list[str], options: Options) -> re.Pattern[bytes]:
    if options.has("-F", "--fixed-strings"):
        sources = [re.escape(text) for text in texts]
    elif options.has("-E", "-P", "--extended-regexp"):
        sources = [_with_classes(text) for text in texts]
    else:
        sources = [_with_classes(_from_basic(text)) for text in texts]
    source = "|".join(f"(?:{text})" for text in sources)
    if options.has("-w"):
        source = rf"\b(?:{source})\b"
    if options.has("-x"):
        source = rf"^(?:{source})$"
    flags = re.IGNORECASE if options.has("-i", "--ignore-case") else re.NOFLAG
    try:
        return re.compile(source.encode(), flags)
    except re.error as error:
        raise ProgramError(f"grep: Invalid regular expression: {error}", TROUBLE) from None


def _from_basic(text: str) -> str:
    made, at = "", 0
    while at < len(text):
        pair = text[at : at + 2]
        if pair[0] == "\\" and pair[1:] in SWAPPED and pair[1:]:
            made, at = made + pair[1], at + 2
        elif pair[0] == "\\":
            made, at = made + pair, at + 2
        else:
            made, at = made + (f"\\{pair[0]}" if pair[0] in SWAPPED else pair[0]), at + 1
    return made


def _with_classes(text: str) -> str:
    for name, members in CLASSES.items():
        text = text.replace(name, members)
    return text


def _files(run: Run, path: str, search: Search, *, is_deep: bool) -> Iterator[str]:
    host = run.files.host(run.path(path))
    if not host.exists():
        _fail(run, search, path, "No such file or directory")
    elif not host.is_dir():
        yield path
    elif not is_deep:
        _fail(run, search, path, "Is a directory")
    else:
        yield from _tree(run, path, search)


def _tree(run: Run, folder: str, search: Search) -> Iterator[str]:
    try:
        inside = children(run, folder)
    except OSError as error:
        _fail(run, search, folder, error.strerror or "unreadable")
        return
    for child in inside:
        if run.files.host(run.path(child)).is_dir():
            yield from _tree(run, child, search)
        elif _is_wanted(search.options, child):
            yield child


def _is_wanted(options: Options, path: str) -> bool:
    name = path.rpartition("/")[2]
    included = options.all("--include")
    return (not included or any(fnmatchcase(name, each) for each in included)) and not any(
        fnmatchcase(name, each) for each in options.all("--exclude")
    )


def _fail(run: Run, search: Search, path: str, why: str) -> None:
    search.has_failed = True
    if not search.options.has("-s"):
        run.complain(f"grep: {path}: {why}")


def _look_into(run: Run, search: Search, path: str) -> None:
    try:
        data = may_read(run, path).read_bytes()
    except OSError as error:
        _fail(run, search, path, error.strerror or "unreadable")
        return
    _show(run, search, path, data)


def _show(run: Run, search: Search, path: str, data: bytes) -> None:
    options = search.options
    is_binary = b"\0" in data and not options.has("-a")
    if is_binary and (options.has("-I") or "without-match" in options.all("--binary-files")):
        return
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    hits = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if bool(search.pattern.search(line)) != options.has("-v")
    ]
    search.is_found |= bool(hits)
    _print(run, search, path, hits, is_binary=is_binary)


def _print(
    run: Run, search: Search, path: str, hits: list[tuple[int, bytes]], *, is_binary: bool
) -> None:
    options = search.options
    if options.has("-q", "--quiet"):
        return
    if options.has("-l", "--files-with-matches", "-L"):
        if bool(hits) != options.has("-L"):
            run.say(path)
        return
    prefix = f"{path}:".encode() if search.has_names else b""
    if options.has("-c"):
        run.write(prefix + f"{len(hits)}\n".encode())
    elif is_binary and hits:
        run.say(f"grep: {path}: binary file matches")
    else:
        for number, line in hits:
            place = f"{number}:".encode() if options.has("-n") else b""
            _print_line(run, search, prefix + place, line)


def _print_line(run: Run, search: Search, prefix: bytes, line: bytes) -> None:
    parts = [line]
    if search.options.has("-o"):
        parts = [found.group() for found in search.pattern.finditer(line) if found.group()]
    for part in parts:
        run.write(prefix + part + b"\n")


PROGRAMS = {"grep": grep, "egrep": grep}
