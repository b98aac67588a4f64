"""Programs that tell who and what: whoami, id, hostname, uname, uptime, nproc, free, date."""

from __future__ import annotations

from datetime import UTC, datetime

from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import ProgramError, Run

UNAME = grammar("-a -r -s -m -n -o -v")
UNAME_FACTS = {"-s": "Linux", "-n": "", "-r": "6.8.0-1021-azure", "-v": "#25-Ubuntu SMP",
               "-m": "x86_64", "-o": "GNU/Linux"}  # fmt: skip
FREE = grammar("-b -k -m -g -h")
UNITS = {"-b": 1, "-k": 1 << 10, "-m": 1 << 20, "-g": 1 << 30, "-h": 1 << 30}
USED_SHARE = 0.05


async def whoami(run: Run) -> int:
    """`whoami`."""
    run.say(run.user)
    return 0


async def identify(run: Run) -> int:
    """`id [-u] [-un] [-G] [-Gn] [USER]`."""
    options = grammar("-u -g -G -n").parse("id", run.arguments)
    accounts = run.guest.accounts
    user = options.rest[0] if options.rest else run.user
    if user not in accounts.users():
        raise ProgramError(f"id: '{user}': no such user")
    groups = sorted(accounts.groups_of(user) if options.rest else run.groups)
    number = accounts.user_id(user)
    if options.has("-u", "-g"):
        run.say(user if options.has("-n") else str(number))
    elif options.has("-G"):
        run.say(" ".join(groups))
    else:
        listed = ",".join(f"{number}({name})" for name in groups)
        run.say(f"uid={number}({user}) gid={number}({user}) groups={listed}")
    return 0


async def groups(run: Run) -> int:
    """`groups`: those of the login."""
    run.say(" ".join(sorted(run.groups)))
    return 0


async def hostname(run: Run) -> int:
    """`hostname`."""
    if run.arguments:
        raise ProgramError("hostname: you must be root to change the host name")
    run.say(run.guest.spec.name)
    return 0


async def uname(run: Run) -> int:
    """`uname [-asrmnov]`."""
    options = UNAME.parse("uname", run.arguments)
    facts = {**UNAME_FACTS, "-n": run.guest.spec.name}
    wanted = facts if options.has("-a") else options.flags or {"-s"}
    run.say(" ".join(fact for flag, fact in facts.items() if flag in wanted))
    return 0


async def uptime(run: Run) -> int:
    """`uptime [-s]`, on the cloud's clock."""
    options = grammar("-s -p").parse("uptime", run.arguments)
    booted, now = run.guest.boot.booted_at, run.guest.clock.now()
    if options.has("-s"):
        run.say(f"{datetime.fromtimestamp(booted, UTC):%Y-%m-%d %H:%M:%S}")
    else:
        minutes = int(max(0.0, now - booted) // 60)
        run.say(f" {datetime.fromtimestamp(now, UTC):%H:%M:%S} up {minutes} min,  1 user")
    return 0


async def nproc(run: Run) -> int:
    """`nproc`."""
    run.say(str(run.guest.spec.vcpus))
    return 0


async def free(run: Run) -> int:
    """`free [-bkmgh]`."""
    options = FREE.parse("free", run.arguments)
    flag = next(iter(options.flags), "-k")
    total = int(run.guest.spec.memory_gib * (1 << 30) / UNITS[flag])
    used = int(total * USED_SHARE)
    end = "Gi" if flag == "-h" else ""
    run.say(f"{'':<7}{'total':>14}{'used':>14}{'free':>14}")
    cells = "".join(f"{f'{value}{end}':>14}" for value in (total, used, total - used))
    run.say(f"{'Mem:':<7}{cells}")
    run.say(f"{'Swap:':<7}{0:>14}{0:>14}{0:>14}")
    return 0


async def date(run: Run) -> int:
    """`date [-u] [+FORMAT]`, on the cloud's clock."""
    options = grammar("-u -Is").parse("date", run.arguments)
    now = datetime.fromtimestamp(run.guest.clock.now(), UTC)
    form = options.rest[0][1:] if options.rest else "%a %b %e %H:%M:%S UTC %Y"
    run.say(now.isoformat("T", "seconds") if options.has("-Is") else now.strftime(form))
    return 0


PROGRAMS = {
    "whoami": whoami, "id": identify, "groups": groups, "hostname": hostname, "uname": uname,
    "uptime": uptime, "nproc": nproc, "free": free, "date": date,
}  # fmt: skip
