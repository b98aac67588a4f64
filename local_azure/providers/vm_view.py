"""How a VM looks from outside: its document and its instance view, as Azure words them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from local_azure.moments import iso
from local_azure.state import Resource

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

Json = dict[str, Any]
PROVISIONING = {
    "Succeeded": "Provisioning succeeded",
    "Creating": "Creating",
    "Updating": "Updating",
    "Deleting": "Deleting",
    "Failed": "Provisioning failed",
    "Canceled": "Provisioning canceled",
}
POWER = {
    "creating": "VM creating",
    "starting": "VM starting",
    "running": "VM running",
    "stopping": "VM stopping",
    "stopped": "VM stopped",
    "deallocating": "VM deallocating",
    "deallocated": "VM deallocated",
}
WITH_TIME_CREATED = "2021-11-01"
WITH_ETAG = "2024-03-01"
AGENT_VERSION = "2.15.0.1"


def show_vm(cloud: Cloud, vm: Resource, api_version: str, *, expand: str = "") -> Json:
    """The document of a VM.

    Args:
        cloud: whose VM.
        vm: the VM.
        api_version: what is younger than this is left out.
        expand: `instanceView` or `status` adds the run-time part.
    """
    document = copy.deepcopy(vm.body)
    properties = document["properties"]
    os_disk = properties["storageProfile"]["osDisk"]
    if vm.hidden.get("power") == "deallocated":
        # Recorded: a deallocated VM's OS disk shows neither its size nor its storage type.
        os_disk.pop("diskSizeGB", None)
        os_disk["managedDisk"].pop("storageAccountType", None)
    if api_version >= WITH_TIME_CREATED:
        properties["timeCreated"] = iso(vm.hidden["created"])
    if api_version >= WITH_ETAG:
        document["etag"] = vm.hidden["etag"].removeprefix("W/")
    if expand == "status":
        properties["instanceView"] = {"statuses": _statuses(vm)}
    elif expand:
        properties["instanceView"] = instance_view(cloud, vm)
    return document


def instance_view(cloud: Cloud, vm: Resource) -> Json:
    """The run-time part: agent (absent without power), disks, states."""
    view: Json = {}
    boot: Json = vm.hidden.get("boot") or {}
    is_up = bool(boot) and vm.hidden.get("power") == "running"
    if is_up and cloud.clock.now() >= boot["ssh_open_at"]:
        view["computerName"] = vm.properties["osProfile"]["computerName"]
        view["osName"] = "ubuntu"
        view["osVersion"] = vm.hidden["os_version"]
    if is_up:
        view["vmAgent"] = _agent(cloud, boot)
    since = iso(vm.hidden["changed"])
    os_disk = vm.properties["storageProfile"]["osDisk"]["name"]
    status = {
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
    }
    view["disks"] = [{"name": os_disk, "statuses": [status | {"time": since}]}]
    view["hyperVGeneration"] = vm.hidden["generation"]
    return view | {"statuses": _statuses(vm)}


def _agent(cloud: Cloud, boot: Json) -> Json:
    now = cloud.clock.now()
    is_ready = now >= boot["ssh_open_at"]
    state = (
        {
            "code": "ProvisioningState/succeeded",
            "level": "Info",
            "displayStatus": "Ready",
            "message": "Guest Agent is running",
        }
        if is_ready
        else {
            "code": "ProvisioningState/Unavailable",
            "level": "Warning",
            "displayStatus": "Not Ready",
            "message": "VM status blob is found but not yet populated.",
        }
    )
    stamp = iso(int(now)).replace(".0000000", "")
    return {
        "vmAgentVersion": AGENT_VERSION if is_ready else "Unknown",
        "statuses": [state | {"time": stamp}],
    }


def _statuses(vm: Resource) -> list[Json]:
    """OSState (when generalized), ProvisioningState, PowerState (when known): in Azure's order."""
    statuses: list[Json] = []
    if vm.hidden.get("is_generalized"):
        statuses.append(
            {"code": "OSState/generalized", "level": "Info", "displayStatus": "VM generalized"}
        )
    statuses.append(_provisioning(vm))
    power = vm.hidden.get("power")
    if power:
        statuses.append(
            {"code": f"PowerState/{power}", "level": "Info", "displayStatus": POWER[power]}
        )
    return statuses


def _provisioning(vm: Resource) -> Json:
    state = vm.properties["provisioningState"]
    status: Json = {
        "code": f"ProvisioningState/{state.lower()}",
        "level": "Info",
        "displayStatus": PROVISIONING[state],
        "time": iso(vm.hidden["changed"]),
    }
    failure = vm.hidden.get("failure")
    if state == "Failed" and failure:
        status["code"] += f"/{failure['code']}"
        status["level"] = "Error"
        status["message"] = failure["message"]
    return status
