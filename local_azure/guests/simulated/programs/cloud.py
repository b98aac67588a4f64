"""Programs of the cloud's own agents: cloud-init and waagent."""

from __future__ import annotations

import json
import shutil

from local_azure.guests.simulated.accounts import ROOT
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import ProgramError, Run
from local_azure.guests.simulated.ssh import HOST_KEY

STATUS = grammar("--wait -w --long -l", "--format", code=2)
CLEAN = grammar("--logs -l --seed -s --machine-id", code=2)
DEGRADED = 2
WAAGENT_CONF = "/etc/waagent.conf"
LEASES = "/var/lib/dhcp"


async def cloud_init(run: Run) -> int:
    """`cloud-init status [--wait] [--long] [--format json]`, `cloud-init clean`."""
    action, *words = run.arguments or [""]
    if action == "status":
        return await _status(run, words)
    if action == "clean":
        CLEAN.parse("cloud-init clean", words)
        if run.user != ROOT:
            raise ProgramError("cloud-init: permission denied")
        shutil.rmtree(run.guest.files.host("/var/lib/cloud"), ignore_errors=True)
        return 0
    raise ProgramError(f"cloud-init: error: argument subcommand: invalid choice: '{action}'", 2)


async def _status(run: Run, words: list[str]) -> int:
    options, init = STATUS.parse("cloud-init status", words), run.guest.cloud_init
    if options.has("--wait", "-w"):
        await init.wait()
    status = "running"
    if init.is_done:
        status = "error" if init.errors else "done"
    form = options.last("--format")
    if form not in ("", "json", "tabular"):
        raise ProgramError(f"cloud-init: error: argument --format: invalid choice: '{form}'", 2)
    if form == "json":
        run.say(json.dumps(_document(run, status), indent=2))
    else:
        run.say(f"status: {status}")
        if options.has("--long", "-l"):
            _say_more(run)
    if init.is_done and init.errors:
        return 1
    return DEGRADED if init.is_done and init.warnings else 0


def _document(run: Run, status: str) -> dict[str, object]:
    init = run.guest.cloud_init
    is_degraded = bool(init.is_done and (init.warnings or init.errors))
    extended = f"degraded {status}" if is_degraded and status == "done" else status
    return {
        "boot_status_code": "enabled-by-generator",
        "datasource": "azure",
        "detail": "DataSourceAzure [seed=/dev/sr0]",
        "errors": init.errors,
        "extended_status": extended,
        "last_update": "",
        "recoverable_errors": {"WARNING": init.warnings} if init.warnings else {},
        "status": status,
    }


def _say_more(run: Run) -> None:
    run.say("detail: DataSourceAzure [seed=/dev/sr0]")
    for error in run.guest.cloud_init.errors:
        run.say(f"errors:\n\t- {error}")
    for warning in run.guest.cloud_init.warnings:
        run.say(f"recoverable_errors:\nWARNING:\n\t- {warning}")


async def waagent(run: Run) -> int:
    """`waagent -deprovision[+user] -force`: makes the disk ready to be captured."""
    words = {f"-{word.lstrip('-')}" for word in run.arguments}
    if words & {"-version", "-h", "-help"}:
        run.say("WALinuxAgent-2.9.1.1 running on ubuntu 24.04")
        return 0
    if unknown := words - {"-deprovision", "-deprovision+user", "-force", "-verbose"}:
        raise ProgramError(f"waagent: unknown argument {min(unknown)}")
    if run.user != ROOT:
        raise ProgramError("waagent: must be run as root")
    if "-force" not in words:
        raise ProgramError("waagent: asks for confirmation; use -force")
    _deprovision(run, is_with_user="-deprovision+user" in words)
    return 0


def _deprovision(run: Run, *, is_with_user: bool) -> None:
    guest = run.guest
    run.say("WARNING! The waagent service will be stopped.")
    if _is_regenerating_keys(run):
        for path in (HOST_KEY, f"{HOST_KEY}.pub"):
            guest.files.host(path).unlink(missing_ok=True)
    for folder in ("/var/lib/cloud", LEASES):
        shutil.rmtree(guest.files.host(folder), ignore_errors=True)
    guest.files.host("/etc/hostname").unlink(missing_ok=True)
    if is_with_user:
        user = guest.spec.admin_username
        run.say(f"WARNING! {user} account and entire home directory will be deleted.")
        shutil.rmtree(guest.files.host(guest.accounts.home(user)), ignore_errors=True)
        guest.accounts.remove_user(user)


def _is_regenerating_keys(run: Run) -> bool:
    """Ubuntu leaves host keys to cloud-init: only the agent's configuration removes them here."""
    try:
        lines = run.guest.files.host(WAAGENT_CONF).read_text().splitlines()
    except FileNotFoundError:
        return False
    return "Provisioning.RegenerateSshHostKeyPair=y" in [line.strip() for line in lines]


PROGRAMS = {"cloud-init": cloud_init, "waagent": waagent}
