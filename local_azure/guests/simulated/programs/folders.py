"""Programs on folders and trees: mkdir, rm, mv, cp, ls, df, du, chgrp's kin are elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

from local_azure.guests.simulated import space
from local_azure.guests.simulated.files import is_under
from local_azure.guests.simulated.programs.files import explain, may_read, may_write
from local_azure.guests.simulated.programs.options import Options, grammar
from local_azure.guests.simulated.running import ProgramError, Run

MKDIR = grammar("-p -v --parents", "-m --mode")
RM = grammar("-r -R -f -v --recursive --force -d")
MV, CP = grammar("-f -v -n"), grammar("-r -R -a -f -v -p")
LS = grammar("-1 -a -A -l -h -d -t -r")
DF = grammar("-B1 -h -k -m -P -T -BG", "-B --output --block-size", code=1)
MOUNTS = {"/", "/mnt"}
SUFFIXES = "KMGTP"
COLUMNS = {"source": "Filesystem", "size": "1B-blocks", "used": "Used", "avail": "Avail",
           "pcent": "Use%", "target": "Mounted on"}  # fmt: skip


async def mkdir(run: Run) -> int:
    """`mkdir [-p] FOLDER...`."""
    options, code = MKDIR.parse("mkdir", run.arguments), 0
    has_parents = options.has("-p", "--parents")
    if not options.rest:
        raise ProgramError("mkdir: missing operand")
    for path in options.rest:
        try:
            if has_parents and may_read(run, path).is_dir():
                continue
            may_write(run, path).mkdir(parents=has_parents, exist_ok=has_parents)
        except OSError as error:
            code = explain(run, error, path, "cannot create directory")
    return code


async def rm(run: Run) -> int:
    """`rm [-r] [-f] PATH...`."""
    options, code = RM.parse("rm", run.arguments), 0
    for path in options.rest:
        try:
            code |= _remove(run, path, options)
        except OSError as error:
            code = explain(run, error, path, "cannot remove")
    return code


def _remove(run: Run, path: str, options: Options) -> int:
    clean = run.path(path)
    if clean in MOUNTS:
        run.complain(f"rm: it is dangerous to operate recursively on '{path}'")
        return 1
    target = run.files.host(clean)
    if not target.exists():
        return 0 if options.has("-f", "--force") else _absent(run, path)
    run.guest.accounts.check_write(run.user, run.files.guest(clean))
    if not target.is_dir():
        target.unlink()
    elif options.has("-r", "-R", "--recursive"):
        shutil.rmtree(target)
    else:
        run.complain(f"rm: cannot remove '{path}': Is a directory")
        return 1
    return 0


def _absent(run: Run, path: str) -> int:
    run.complain(f"rm: cannot remove '{path}': No such file or directory")
    return 1


async def move(run: Run) -> int:
    """`mv SOURCE... TARGET`."""
    *sources, target = _two(run, MV.parse("mv", run.arguments))
    for source in sources:
        run.guest.accounts.check_write(run.user, run.files.guest(run.path(source)))
        shutil.move(may_read(run, source), _place(run, source, target))
    return 0


async def copy(run: Run) -> int:
    """`cp [-r] SOURCE... TARGET`."""
    options = CP.parse("cp", run.arguments)
    *sources, target = _two(run, options)
    for source in sources:
        origin, place = may_read(run, source), _place(run, source, target)
        if not origin.is_dir():
            shutil.copyfile(origin, place, follow_symlinks=False)
        elif options.has("-r", "-R", "-a"):
            shutil.copytree(origin, place, symlinks=True)
        else:
            raise ProgramError(f"cp: -r not specified; omitting directory '{source}'")
    return 0


def _two(run: Run, options: Options) -> list[str]:
    name = run.argv[0]
    if len(options.rest) < 2:  # noqa: PLR2004 # source and target
        raise ProgramError(f"{name}: missing destination file operand")
    for source in options.rest[:-1]:
        if not may_read(run, source).exists():
            raise ProgramError(f"{name}: cannot stat '{source}': No such file or directory")
        if is_under(run.path(options.rest[-1]), run.path(source)):
            raise ProgramError(f"{name}: cannot move or copy '{source}' into itself")
    return options.rest


def _place(run: Run, source: str, target: str) -> Path:
    """Where a source goes: the target, or inside it when it is a folder."""
    if run.files.host(run.path(target)).is_dir():
        target = f"{run.path(target)}/{run.path(source).rpartition('/')[2]}"
    return may_write(run, target)


async def ls(run: Run) -> int:
    """`ls [-a] [-l] [PATH...]`: names, one a line; `-l` adds kind, owner and size."""
    options, code = LS.parse("ls", run.arguments), 0
    for path in sorted(options.rest) or ["."]:
        try:
            target = may_read(run, path)
            names = [path]
            if target.is_dir() and not options.has("-d"):
                names = sorted(entry.name for entry in target.iterdir())
                if not options.has("-a", "-A"):
                    names = [name for name in names if not name.startswith(".")]
            elif not target.exists():
                raise FileNotFoundError(2, "No such file or directory")  # one message for all
            for name in names:
                run.say(_entry(run, path, name, options))
        except OSError as error:
            code = explain(run, error, path, "cannot access") + 1
    return code


def _entry(run: Run, folder: str, name: str, options: Options) -> str:
    if not options.has("-l"):
        return name
    path = run.path(name if name == folder else f"{folder}/{name}")
    target = run.files.host(path)
    owner = run.guest.accounts.owner(run.files.guest(path)).replace("*", "root")
    kind = "drwxr-xr-x" if target.is_dir() else "-rw-r--r--"
    return f"{kind} 1 {owner} {owner} {target.stat().st_size} {name}"


async def df(run: Run) -> int:
    """`df [-B1] [-h] [--output=...] [PATH...]`."""
    options = DF.parse("df", run.arguments)
    disks = [space.disk_of(run.guest, run.files.guest(run.path(path))) for path in options.rest]
    for path in options.rest:
        if not run.files.host(run.path(path)).exists():
            raise ProgramError(f"df: {path}: No such file or directory")
    names = options.last("--output").split(",") if options.all("--output") else list(COLUMNS)
    if unknown := [name for name in names if name not in COLUMNS]:
        raise ProgramError(f"df: option --output: field '{unknown[0]}' unknown")
    run.say(" ".join(_heading(name, options) for name in names))
    for disk in disks or space.disks(run.guest):
        facts = {"source": disk.device, "target": disk.mount, "pcent": f"{disk.used_percent}%"}
        sizes = {"size": disk.size, "used": disk.used, "avail": disk.available}
        facts |= {name: _amount(size, options) for name, size in sizes.items()}
        run.say(" ".join(facts[name] for name in names))
    return 0


def _unit(options: Options) -> int:
    word = options.last("-B", "--block-size") or ("1" if options.has("-B1") else "")
    named = {"G": 1 << 30, "M": 1 << 20, "K": 1 << 10, "1": 1}
    flags = {"-BG": 1 << 30, "-m": 1 << 20}
    if word:
        if word not in named:
            raise ProgramError(f"df: invalid -B argument '{word}'")
        return named[word]
    return next((unit for flag, unit in flags.items() if options.has(flag)), 1 << 10)


def _heading(name: str, options: Options) -> str:
    if name != "size":
        return COLUMNS[name]
    return (
        "Size"
        if options.has("-h")
        else {1: "1B-blocks", 1 << 30: "1G-blocks", 1 << 20: "1M-blocks"}.get(
            _unit(options), "1K-blocks"
        )
    )


def _amount(size: int, options: Options) -> str:
    if not options.has("-h"):
        unit = _unit(options)
        return f"{-(-size // unit)}{'G' if options.has('-BG') else ''}"
    value, power = float(size), -1
    while value >= 1024:  # noqa: PLR2004 # a binary prefix
        value, power = value / 1024, power + 1
    return f"{value:.0f}{SUFFIXES[power] if power >= 0 else ''}"


PROGRAMS = {"mkdir": mkdir, "rm": rm, "mv": move, "cp": copy, "ls": ls, "df": df}
