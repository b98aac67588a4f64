"""Programs that change the system: apt-get, usermod, systemctl."""

from __future__ import annotations

from local_azure.guests.simulated import system
from local_azure.guests.simulated.accounts import ROOT
from local_azure.guests.simulated.durable import write_atomically
from local_azure.guests.simulated.programs import power
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import ProgramError, Run

APT = grammar("-y -q -qq --yes --no-install-recommends --quiet --purge", "-o", code=100)
INSTALL_SHARE = 0.5
"""Share of `cloud_init` that installing Docker by hand takes."""
USERMOD = grammar("-a", "-G -aG --groups")
SYSTEMCTL = grammar("--now -q --quiet --no-pager --no-block", "-p")
UNITS = ("ssh", "docker")
CLEANING = ("clean", "autoclean", "autoremove")
POWER = {"poweroff": power.poweroff, "reboot": power.reboot, "halt": power.poweroff}
NOT_ACTIVE = 3
NO_UNIT = 5


def must_be_root(run: Run, message: str, code: int = 1) -> None:
    """Refuse others than root.

    Raises:
        ProgramError: the message.
    """
    if run.user != ROOT:
        raise ProgramError(message, code)


async def apt_get(run: Run) -> int:
    """`apt-get update | install -y PACKAGE... | clean`; lists and packages stay on the disk."""
    options = APT.parse("E", run.arguments)
    must_be_root(run, "E: Could not open lock file /var/lib/dpkg/lock-frontend", 100)
    action, *names = options.rest or [""]
    if action in CLEANING:
        _clean(run, action)
        return 0
    if action not in ("update", "install", "upgrade"):
        raise ProgramError(f"E: Invalid operation {action}", 100)
    if unknown := [name for name in names if not system.is_known(name)]:
        raise ProgramError(f"E: Unable to locate package {unknown[0]}", 100)
    run.guest.check_space()
    missing = [name for name in names if not system.has_package(run.guest, name)]
    if missing and run.guest.cloud_init.is_done:
        clock, whole = run.guest.clock, run.guest.durations.cloud_init
        await clock.sleep_until(clock.now() + INSTALL_SHARE * whole)
    system.install(run.guest, missing)
    if action == "update":
        write_atomically(run.guest.files.host(f"{system.LISTS}/ubuntu_Packages"), b"Package: x\n")
    run.say("Reading package lists... Done")
    return 0


def _clean(run: Run, action: str) -> None:
    """`clean` empties the archive of downloaded packages; nothing here is ever obsolete."""
    for file in run.guest.files.host(system.ARCHIVES).glob("*.deb") if action == "clean" else []:
        file.unlink()
    if action == "autoremove":
        run.say("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.")


async def usermod(run: Run) -> int:
    """`usermod -aG GROUP USER`; counts from the user's next login."""
    options = USERMOD.parse("usermod", run.arguments)
    must_be_root(run, "usermod: Permission denied.")
    added = options.last("-G", "-aG", "--groups").split(",")
    user = (options.rest or [""])[0]
    if not options.has("-a") and not options.all("-aG"):
        raise ProgramError("usermod: a simulated guest only knows usermod -aG", 2)
    if user not in run.guest.accounts.users():
        raise ProgramError(f"usermod: user '{user}' does not exist", 6)
    for group in added:
        if not run.guest.accounts.has_group(group):
            raise ProgramError(f"usermod: group '{group}' does not exist", 6)
        run.guest.accounts.join(user, group)
    return 0


async def systemctl(run: Run) -> int:
    """`systemctl is-active|start|stop|restart|enable|status UNIT`, `poweroff`, `reboot`."""
    options = SYSTEMCTL.parse("systemctl", run.arguments)
    action, *units = options.rest or ["status"]
    if action in POWER:
        return await POWER[action](run)
    names = [unit.removesuffix(".service").removesuffix(".socket") for unit in units]
    names = ["ssh" if name == "sshd" else name for name in names]
    if action in ("is-active", "is-enabled", "status"):
        return _show(run, action, names, is_quiet=options.has("-q", "--quiet"))
    must_be_root(run, f"Failed to {action}: Interactive authentication required.")
    if action in ("daemon-reload", "reset-failed"):
        return 0
    for name in names:
        _change(run, action, name, is_now=options.has("--now"))
    return 0


def _is_there(run: Run, name: str) -> bool:
    return name in UNITS and (name != "docker" or system.is_installed(run.guest, "docker"))


def _show(run: Run, action: str, names: list[str], *, is_quiet: bool) -> int:
    code = 0
    for name in names:
        state = run.guest.docker.unit_state() if name == "docker" else "active"
        if not _is_there(run, name):
            state = "inactive"
            code = NOT_ACTIVE + (1 if action != "is-active" else 0)
        elif action == "is-enabled":
            state = "enabled"
        elif state != "active":
            code = NOT_ACTIVE
        if not is_quiet:
            run.say(state)
    return code


def _change(run: Run, action: str, name: str, *, is_now: bool) -> None:
    if not _is_there(run, name):
        raise ProgramError(
            f"Failed to {action} {name}.service: Unit {name}.service not found.", NO_UNIT
        )
    wanted = {"enable": "start", "disable": "stop"}.get(action, action)
    if action in ("enable", "disable") and not is_now:
        return
    if wanted not in ("start", "stop", "restart", "reload"):
        raise ProgramError(f"Unknown command verb '{action}'.")
    if name == "docker":
        if wanted in ("stop", "restart"):
            run.guest.docker.stop()
        if wanted in ("start", "restart"):
            run.guest.docker.start()
        if run.guest.docker.unit_state() == "failed" and wanted != "stop":
            raise ProgramError(
                "Job for docker.service failed because the control process exited with error code."
            )


PROGRAMS = {"apt-get": apt_get, "apt": apt_get, "usermod": usermod, "systemctl": systemctl}
