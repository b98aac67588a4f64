"""Programs on single files: test, cat, tee, touch, stat, chown, chmod."""

from __future__ import annotations

import stat as modes
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from local_azure.guests.simulated.accounts import EVERYBODY
from local_azure.guests.simulated.durable import write_atomically
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import ProgramError, Run

CAT, TOUCH = grammar("-n -A"), grammar("-c -a -m")
TEE = grammar("-a --append")
OWN = grammar("-R -v -f -h --recursive")
STAT = grammar("-L", "-c --format")
BLOCK = 4096
CHECKS: dict[str, Callable[[Path], bool]] = {
    "-e": Path.exists,
    "-f": lambda path: path.is_file() and not _is_device(path),
    "-d": Path.is_dir,
    "-s": lambda path: path.exists() and path.stat().st_size > 0,
    "-c": lambda path: _is_device(path) and path.exists(),
    "-r": Path.exists,
    "-x": Path.exists,
    "-S": lambda path: path.suffix == ".sock" and path.exists(),
    "-h": Path.is_symlink,
    "-L": Path.is_symlink,
}


def may_write(run: Run, path: str) -> Path:
    """The host's path of a file that the user may write.

    Raises:
        OSError: no right, no space, or no such path.
    """
    run.guest.check_space()
    run.guest.accounts.check_write(run.user, run.files.guest(run.path(path)))
    return run.files.host(run.path(path))


def may_read(run: Run, path: str) -> Path:
    """The host's path of a file that the user may read.

    Raises:
        OSError: no right, or no such path.
    """
    run.guest.accounts.check_read(run.user, run.files.guest(run.path(path)))
    return run.files.host(run.path(path))


def explain(run: Run, error: OSError, path: str, doing: str = "") -> int:
    """Complain about one path as coreutils do; the exit code."""
    where = f"{doing} '{path}'" if doing else path
    run.complain(f"{run.argv[0].rpartition('/')[2]}: {where}: {error.strerror}")
    return 1


async def test(run: Run) -> int:
    """`test` and `[`: files, strings, numbers; `!` negates."""
    words = list(run.arguments)
    if run.argv[0] == "[":
        if words[-1:] != ["]"]:
            raise ProgramError("[: missing `]'", 2)
        words.pop()
    is_negated = words[:1] == ["!"]
    return int(_holds(run, words[1:] if is_negated else words) == is_negated)


def _holds(run: Run, words: list[str]) -> bool:
    if len(words) == 3:  # noqa: PLR2004 # a binary test
        return _compare(*words)
    if len(words) == 2:  # noqa: PLR2004 # a unary test
        operator, operand = words
        if operator in ("-z", "-n"):
            return (operator == "-n") == bool(operand)
        if operator == "-w":
            return _is_writable(run, operand)
        if operator not in CHECKS:
            raise ProgramError(f"test: {operator}: unary operator expected", 2)
        try:
            return CHECKS[operator](may_read(run, operand))
        except OSError:
            return False
    if len(words) > 3:  # noqa: PLR2004 # -a, -o: obsolescent, refused
        raise ProgramError("test: too many arguments", 2)
    return bool(words and words[0])


def _compare(left: str, operator: str, right: str) -> bool:
    if operator in ("=", "==", "!="):
        return (left == right) == (operator != "!=")
    try:
        difference = int(left) - int(right)
    except ValueError:
        raise ProgramError(f"test: {left}: integer expression expected", 2) from None
    results = {
        "-eq": difference == 0, "-ne": difference != 0, "-lt": difference < 0,
        "-le": difference <= 0, "-gt": difference > 0, "-ge": difference >= 0,
    }  # fmt: skip
    if operator not in results:
        raise ProgramError(f"test: {operator}: binary operator expected", 2)
    return results[operator]


def _is_writable(run: Run, path: str) -> bool:
    try:
        return may_write(run, path).exists()
    except OSError:
        return False


def _is_device(path: Path) -> bool:
    return path.parent.name == "dev"


async def cat(run: Run) -> int:
    """`cat [FILE...]`; standard input for none or `-`."""
    code = 0
    for path in CAT.parse("cat", run.arguments).rest or ["-"]:
        try:
            run.write(await run.read() if path == "-" else may_read(run, path).read_bytes())
        except OSError as error:
            code = explain(run, error, path)
    return code


async def tee(run: Run) -> int:
    """`tee [-a] FILE...`: standard input to files and standard output."""
    options, data, code = TEE.parse("tee", run.arguments), await run.read(), 0
    run.write(data)
    for path in options.rest:
        try:
            _put(run, path, data, is_append=options.has("-a", "--append"))
        except OSError as error:
            code = explain(run, error, path)
    return code


def _put(run: Run, path: str, data: bytes, *, is_append: bool) -> None:
    if run.path(path) == "/dev/null":
        return
    target = may_write(run, path)
    if not target.parent.is_dir():
        raise FileNotFoundError(2, "No such file or directory")
    before = target.read_bytes() if is_append and target.exists() else b""
    write_atomically(target, before + data)


async def touch(run: Run) -> int:
    """`touch FILE...`."""
    code = 0
    for path in TOUCH.parse("touch", run.arguments).rest:
        try:
            may_write(run, path).touch()
        except OSError as error:
            code = explain(run, error, path, "cannot touch")
    return code


async def chown(run: Run) -> int:
    """`chown [-R] OWNER[:GROUP] FILE...`: root gives files away."""
    owner, *paths = OWN.parse("chown", run.arguments).rest or [""]
    user = owner.partition(":")[0]
    if not paths:
        raise ProgramError("chown: missing operand")
    known = run.guest.accounts.users()
    numbers = {str(run.guest.accounts.user_id(name)): name for name in known}
    user = numbers.get(user, user)
    if user and user not in known:
        raise ProgramError(f"chown: invalid user: '{owner}'")
    for path in paths:
        if run.user != "root":
            raise ProgramError(f"chown: changing ownership of '{path}': Operation not permitted")
        _must_exist(run, path)
        if user:
            run.guest.accounts.give(run.files.guest(run.path(path)), user)
    return 0


async def chmod(run: Run) -> int:
    """`chmod [-R] MODE FILE...`: only "all may write" has an effect."""
    mode, *paths = OWN.parse("chmod", run.arguments).rest or [""]
    if not paths:
        raise ProgramError("chmod: missing operand")
    for path in paths:
        _must_exist(run, path)
        may_write(run, path)
        is_open = mode in ("a+w", "a+rw", "o+w", "ugo+w", "a+rwx") or mode[-1] in "2367"
        if is_open:
            run.guest.accounts.give(run.files.guest(run.path(path)), EVERYBODY)
    return 0


def _must_exist(run: Run, path: str) -> None:
    if not may_read(run, path).exists():
        name = run.argv[0]
        raise ProgramError(f"{name}: cannot access '{path}': No such file or directory")


async def stat(run: Run) -> int:
    """`stat -c FORMAT FILE...` with %s %n %Y %U %F %a."""
    options = STAT.parse("stat", run.arguments)
    form = options.last("-c", "--format")
    if not form:
        raise ProgramError("stat: a simulated guest only knows stat -c FORMAT")
    code = 0
    for path in options.rest:
        try:
            run.say(_describe(run, path, form))
        except OSError as error:
            code = explain(run, error, path, "cannot statx")
    return code


def _describe(run: Run, path: str, form: str) -> str:
    facts = may_read(run, path).stat()
    is_folder = modes.S_ISDIR(facts.st_mode)
    owner = run.guest.accounts.owner(run.files.guest(run.path(path)))
    values = {
        "%s": str(BLOCK if is_folder else facts.st_size),
        "%n": path,
        "%Y": str(int(facts.st_mtime)),
        "%U": "root" if owner == EVERYBODY else owner,
        "%F": "directory" if is_folder else "regular file",
        "%a": "755" if is_folder else "644",
        "%y": datetime.fromtimestamp(facts.st_mtime, UTC).isoformat(" "),
    }
    for mark, value in values.items():
        form = form.replace(mark, value)
    return form


PROGRAMS = {
    "test": test, "[": test, "cat": cat, "tee": tee, "touch": touch, "chown": chown,
    "chmod": chmod, "stat": stat,
}  # fmt: skip
