"""Programs of the cloud's own agents: cloud-init and waagent."""

from __future__ import annotations

import json
import shutil

from local_azure.guests.simulated import system
from local_azure.guests.simulated.accounts import ROOT
from local_azure.guests.simulated.cloud_init import AGENT
from local_azure.guests.simulated.durable import write_atomically
from local_azure.guests.simulated.programs.options import Options, grammar
from local_azure.guests.simulated.running import ProgramError, Run

STATUS = grammar("--wait -w --long -l", "--format", code=2)
CLEAN = grammar("--logs -l --seed -s --machine-id", code=2)
DEGRADED = 2
WAAGENT_CONF = "/etc/waagent.conf"
CLOUD = "/var/lib/cloud"
CLOUD_LOGS = ("/var/log/cloud-init.log", "/var/log/cloud-init-output.log")
GONE_FOLDERS = (AGENT, "/var/log/azure", "/var/lib/dhclient", "/var/lib/dhcpcd", "/var/lib/dhcp")
GONE_FILES = ("/root/.bash_history", "/var/log/waagent.log", "/etc/resolv.conf")


async def cloud_init(run: Run) -> int:
    """`cloud-init status [--wait] [--long] [--format json]`, `cloud-init clean`."""
    action, *words = run.arguments or [""]
    if action == "status":
        return await _status(run, words)
    if action == "clean":
        _clean(run, CLEAN.parse("cloud-init clean", words))
        return 0
    raise ProgramError(f"cloud-init: error: argument subcommand: invalid choice: '{action}'", 2)


def _clean(run: Run, options: Options) -> None:
    """Forget the instance, its user data included: the next boot is a first boot."""
    if run.user != ROOT:
        raise ProgramError("Error:\ncloud-init clean must be run as root")
    host = run.guest.files.host
    if options.has("--logs", "-l"):
        for log in CLOUD_LOGS:
            host(log).unlink(missing_ok=True)
    for entry in host(CLOUD).glob("*"):
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    if options.has("--machine-id"):
        write_atomically(host(system.MACHINE_ID), f"{system.UNINITIALIZED}\n".encode())


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
    """What the agent deletes. Not cloud-init's data, no histories of users, no authorized keys."""
    guest = run.guest
    user = guest.cloud_init.provisioned_user() if is_with_user else ""
    for warning in _warnings(run, user, is_with_user=is_with_user):
        run.say(warning)
    if _is_regenerating_keys(run):
        for key in guest.files.host("/etc/ssh").glob("ssh_host_*key*"):
            key.unlink()
    for folder in GONE_FOLDERS:
        shutil.rmtree(guest.files.host(folder), ignore_errors=True)
    for file in GONE_FILES:
        guest.files.host(file).unlink(missing_ok=True)
    write_atomically(guest.files.host("/etc/hostname"), b"localhost.localdomain\n")
    if user:
        shutil.rmtree(guest.files.host(guest.accounts.home(user)), ignore_errors=True)
        guest.accounts.remove_user(user)


def _warnings(run: Run, user: str, *, is_with_user: bool) -> list[str]:
    found = ["WARNING! The waagent service will be stopped."]
    if _is_regenerating_keys(run):
        found.append("WARNING! All SSH host key pairs will be deleted.")
    found.append("WARNING! Cached DHCP leases will be deleted.")
    found.append("WARNING! /etc/resolv.conf will be deleted.")
    if user:
        found.append(f"WARNING! {user} account and entire home directory will be deleted.")
    elif is_with_user:
        found += ["WARNING! ovf-env.xml is not found.", "WARNING! Skip delete user."]
    return found


def _is_regenerating_keys(run: Run) -> bool:
    """Ubuntu leaves host keys to cloud-init: only the agent's configuration removes them here."""
    try:
        lines = run.guest.files.host(WAAGENT_CONF).read_text().splitlines()
    except FileNotFoundError:
        return False
    return "Provisioning.RegenerateSshHostKeyPair=y" in [line.strip() for line in lines]


PROGRAMS = {"cloud-init": cloud_init, "waagent": waagent}
