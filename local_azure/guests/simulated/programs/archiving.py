"""`tar`, as far as folders travel through pipes: create and extract, plain or gzipped."""

from __future__ import annotations

from pathlib import Path

from local_azure.guests.simulated.archives import BadArchiveError, pack, unpack
from local_azure.guests.simulated.programs.files import may_read, may_write
from local_azure.guests.simulated.programs.options import Options, grammar
from local_azure.guests.simulated.running import ProgramError, Run

TAR = grammar("-c --create -x --extract -z --gzip -p -v", "-C --directory -f --file", code=2)
FATAL = 2
LOST = "tar: Error is not recoverable: exiting now"


async def tar(run: Run) -> int:
    """`tar -c|-x [-z] [-C FOLDER] -f FILE [NAME...]`; `-` is a standard stream."""
    options = TAR.parse("tar", run.arguments)
    folder = options.last("-C", "--directory", default=run.folder)
    try:
        is_there = may_read(run, folder).is_dir()
    except OSError:
        is_there = False
    if not is_there:
        raise ProgramError(f"tar: {folder}: Cannot open: No such file or directory\n{LOST}", FATAL)
    if options.has("-c", "--create") == options.has("-x", "--extract"):
        raise ProgramError("tar: a simulated guest only knows tar -c and tar -x", FATAL)
    if options.has("-c", "--create"):
        return _create(run, options, folder)
    return await _extract(run, options, folder)


def _create(run: Run, options: Options, folder: str) -> int:
    if not options.rest:
        raise ProgramError("tar: Cowardly refusing to create an empty archive", FATAL)
    members: list[tuple[str, Path]] = []
    code = 0
    for name in options.rest:
        path = may_read(run, f"{run.path(folder)}/{name}" if name[0] != "/" else name)
        if path.exists():
            members.append((name.lstrip("/"), path))
        else:
            run.complain(f"tar: {name}: Cannot stat: No such file or directory")
            code = FATAL
    data = pack(members, is_gzipped=options.has("-z", "--gzip"))
    target = options.last("-f", "--file", default="-")
    if target == "-":
        run.write(data)
    else:
        may_write(run, target).write_bytes(data)
    if code:
        run.complain("tar: Exiting with failure status due to previous errors")
    return code


async def _extract(run: Run, options: Options, folder: str) -> int:
    source = options.last("-f", "--file", default="-")
    data = await run.read() if source == "-" else may_read(run, source).read_bytes()
    try:
        unpack(data, may_write(run, folder))
    except BadArchiveError:
        raise ProgramError(f"tar: This does not look like a tar archive\n{LOST}", FATAL) from None
    return 0


PROGRAMS = {"tar": tar}
