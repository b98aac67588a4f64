"""Programs that take the power away: poweroff, reboot, shutdown."""

from __future__ import annotations

import asyncio

from local_azure.guests.simulated.accounts import ROOT
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import ProgramError, Run

SHUTDOWN = grammar("-h -r -P --reboot --poweroff")
NOW = ("now", "+0")


async def poweroff(run: Run) -> int:
    """`poweroff`: the VM is then Stopped, and billed."""
    _check(run)
    run.guest.around.shut_down()
    return 0


async def reboot(run: Run) -> int:
    """`reboot`."""
    _check(run)
    asyncio.get_running_loop().call_soon(lambda: run.guest.reboot(is_orderly=True))
    return 0


async def shutdown(run: Run) -> int:
    """`shutdown [-h|-r] now`; a later time is not modelled."""
    options = SHUTDOWN.parse("shutdown", run.arguments)
    if not options.rest or options.rest[0] not in NOW:
        raise ProgramError("shutdown: a simulated guest only knows `now`")
    return await (reboot if options.has("-r", "--reboot") else poweroff)(run)


def _check(run: Run) -> None:
    if run.user != ROOT:
        raise ProgramError("Call to PowerOff failed: Interactive authentication required.")


PROGRAMS = {"poweroff": poweroff, "halt": poweroff, "reboot": reboot, "shutdown": shutdown}
