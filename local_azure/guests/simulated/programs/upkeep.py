"""Programs that tidy a disk up: truncate, journalctl, fstrim."""

from __future__ import annotations

import re
from pathlib import Path

from local_azure.guests.simulated import system
from local_azure.guests.simulated.programs.control import succeed
from local_azure.guests.simulated.programs.files import explain, may_read, may_write
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.programs.packages import must_be_root
from local_azure.guests.simulated.running import ProgramError, Run

TRUNCATE = grammar("-c --no-create", "-s --size")
JOURNAL = grammar(
    "--rotate --flush --sync --no-pager --disk-usage -q --quiet",
    "--vacuum-time --vacuum-size --vacuum-files",
)
SIZE = re.compile(r"(\d+)([KMGT]?)B?")
AGE = re.compile(r"(\d+)(s|m|min|h|d|days|weeks|months|years|us|ms)?")
SECONDS = {
    "": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "days": 86_400, "weeks": 604_800,
    "months": 2_629_800, "years": 31_557_600, "us": 0, "ms": 0,
}  # fmt: skip


async def truncate(run: Run) -> int:
    """`truncate -s SIZE FILE...`: makes files that are missing, unless -c."""
    options, code = TRUNCATE.parse("truncate", run.arguments), 0
    if not options.all("-s", "--size"):
        raise ProgramError("truncate: you must specify either '--size' or '--reference'")
    size = _bytes(options.last("-s", "--size"))
    if not options.rest:
        raise ProgramError("truncate: missing file operand")
    for path in options.rest:
        try:
            target = may_write(run, path)
            if target.exists() or not options.has("-c", "--no-create"):
                with target.open("ab") as file:
                    file.truncate(size)
        except OSError as error:
            code = explain(run, error, path, "cannot open")
    return code


def _bytes(text: str) -> int:
    match = SIZE.fullmatch(text)
    if match is None:
        raise ProgramError(f"truncate: Invalid number: '{text}'")
    return int(match[1]) << 10 * " KMGT".index(match[2] or " ")


async def journalctl(run: Run) -> int:
    """`journalctl [--rotate] [--vacuum-time=T] [--vacuum-size=S] [--disk-usage]`."""
    options = JOURNAL.parse("journalctl", run.arguments)
    folder = may_read(run, system.JOURNAL)
    if options.has("--disk-usage"):
        total = sum(file.stat().st_size for file in folder.glob("*.journal"))
        run.say(f"Archived and active journals take up {total}B in the file system.")
        return 0
    vacuums = options.all("--vacuum-time", "--vacuum-size", "--vacuum-files")
    if not vacuums and not options.has("--rotate", "--flush", "--sync"):
        run.say("-- No entries --")
        return 0
    must_be_root(run, "Failed to rotate journal: Interactive authentication required.")
    if options.has("--rotate"):
        _rotate(folder, run.guest.clock.now())
    if vacuums:
        age = options.last("--vacuum-time")
        before = run.guest.clock.now() - (_seconds(age) if age else 0)
        run.complain(_vacuum(folder, before))
    return 0


def _seconds(text: str) -> int:
    match = AGE.fullmatch(text)
    if match is None:
        raise ProgramError(f"Failed to parse vacuum time: {text}")
    return int(match[1]) * SECONDS[match[2] or ""]


def _rotate(folder: Path, now: float) -> None:
    """Archive the active journal; its name tells when."""
    active = folder / "system.journal"
    if active.exists():
        active.rename(folder / f"system@{int(now * 1000):016x}.journal")
    active.write_bytes(system.EMPTY_JOURNAL)


def _vacuum(folder: Path, before: float) -> str:
    """Delete archived journals; the active one stays, whatever it holds."""
    freed = 0
    for file in folder.glob("system@*.journal"):
        at = int(file.stem.partition("@")[2], 16) / 1000
        if at <= before:
            freed += file.stat().st_size
            file.unlink()
    return f"Vacuuming done, freed {freed}B of archived journals from {system.JOURNAL}."


async def fstrim(run: Run) -> int:
    """`fstrim -av`: nothing to give back here."""
    must_be_root(run, "fstrim: /: FITRIM ioctl failed: Operation not permitted")
    return await succeed(run)


PROGRAMS = {"truncate": truncate, "journalctl": journalctl, "fstrim": fstrim}
