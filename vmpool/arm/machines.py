"""VMs: list, observe, create, start, deallocate, delete. Everything that begins returns at once.

Each `begin_*` returns when Azure has accepted, so that a caller can fire all before waiting for
any. Never `stop`: a stopped VM is billed.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field
from typing import Any

from vmpool import tags
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import API, VM, resource_id
from vmpool.arm.observing import list_workers, observe
from vmpool.arm.operations import Operation, begin, begin_unless_gone
from vmpool.arm.rest import find
from vmpool.errors import PermanentError
from vmpool.model import Place

__all__ = [
    "CreateVm",
    "Operation",
    "begin_create",
    "begin_deallocate",
    "begin_delete",
    "begin_start",
    "list_workers",
    "observe",
    "vm_resource_id",
]

log = logging.getLogger(__name__)

UBUNTU_PUBLISHER = "Canonical"
UBUNTU_OFFER = "0001-com-ubuntu-server-jammy"
UBUNTU_SKU = "22_04-lts-gen2"
"""Ubuntu 22.04 as Azure's marketplace names it (az vm image list --publisher Canonical --all);
generation 2, because v5 sizes boot it faster and it is what images of later versions need."""
OS_DISK_TYPE = "Premium_LRS"
"""Windows boots from this disk: Standard SSD's 500 IOPS would double the 15 minutes."""
STANDARD_SECURITY = "Standard"
"""Not Trusted Launch, whose images can't be captured as managed images. Said explicitly, because
Azure makes Trusted Launch the default of whoever says nothing."""


@dataclass(frozen=True)
class CreateVm:
    """A VM to create.

    Attributes:
        name: VM name, computer name too.
        place: size and region.
        nic_id: ARM id of its NIC, which dies with it.
        os_disk_name: name of the OS disk, which dies with it.
        os_disk_gb: size of the OS disk in GB.
        admin_username: login.
        ssh_public_key: the login's key, `ssh-ed25519 AAAA...`.
        user_data: cloud-init document, plain text.
        tags: every tag, the timer's included: written by the same request that creates.
        image_id: ARM id of a golden image in the same region, "" for bare Ubuntu.
    """

    name: str
    place: Place
    nic_id: str
    os_disk_name: str
    os_disk_gb: int
    admin_username: str
    ssh_public_key: str
    user_data: str = field(repr=False)  # holds the private host key
    tags: dict[str, str]
    image_id: str = ""


def vm_resource_id(cloud: Cloud, name: str) -> str:
    """ARM id of a VM."""
    return resource_id(cloud, VM, name)


def begin_create(cloud: Cloud, request: CreateVm) -> Operation:
    """Have Azure create a VM; one of ours that exists is completed.

    Args:
        cloud: connection.
        request: what to create.

    Raises:
        CapacityError: the size or quota is not to be had there; the operation may still say so.
        PermanentError: a VM of that name is not this pool's, or Azure refuses the request.
    """
    what = f"create VM {request.name}"
    existing = find(cloud, vm_resource_id(cloud, request.name), API[VM])
    found = tags.decode(existing.get("tags")) if existing else None
    if existing and (found is None or found.pool_id != request.tags.get(tags.POOL_ID)):
        raise PermanentError(
            f"{what}: a VM of that name exists and does not carry this pool's id: "
            "choose another --pool or delete it by hand"
        )
    try:
        return _begin_put(cloud, what, request, STANDARD_SECURITY)
    except PermanentError as error:
        if "securityType" not in str(error):
            raise
        log.warning(
            "%s: this subscription may not say securityType Standard, Azure's default is taken; "
            "az feature register --namespace Microsoft.Compute --name UseStandardSecurityType",
            what,
        )
        return _begin_put(cloud, what, request, "")


def _begin_put(cloud: Cloud, what: str, request: CreateVm, security: str) -> Operation:
    machines = cloud.compute.virtual_machines
    body = _body(request, security)
    return begin(
        what,
        lambda: machines.begin_create_or_update(cloud.resource_group, request.name, body),
    )


def begin_start(cloud: Cloud, name: str) -> Operation:
    """Have Azure start a VM; one that runs is left running.

    Args:
        cloud: connection.
        name: VM name.

    Raises:
        NotFoundError: no such VM.
        BusyError: another operation is running on it.
        CapacityError: no room for its size; the operation may still say so.
    """
    machines = cloud.compute.virtual_machines
    return begin(f"start VM {name}", lambda: machines.begin_start(cloud.resource_group, name))


def begin_deallocate(cloud: Cloud, name: str) -> Operation:
    """Have Azure deallocate a VM: compute is no longer billed, disk and address stay.

    Args:
        cloud: connection.
        name: VM name.

    Raises:
        NotFoundError: no such VM.
        BusyError: another operation is running on it.
    """
    machines = cloud.compute.virtual_machines
    return begin(
        f"deallocate VM {name}", lambda: machines.begin_deallocate(cloud.resource_group, name)
    )


def begin_delete(cloud: Cloud, name: str) -> Operation:
    """Have Azure delete a VM with its NIC, address and OS disk; a missing one is done already.

    Args:
        cloud: connection.
        name: VM name.

    Raises:
        BusyError: another operation is running on it.
    """
    machines = cloud.compute.virtual_machines
    return begin_unless_gone(
        f"delete VM {name}", lambda: machines.begin_delete(cloud.resource_group, name)
    )


def _body(request: CreateVm, security: str) -> Any:
    """The document of the PUT: nothing of it outlives the VM, and nothing else is switched on.

    In Azure's own words, which the SDK takes too (its typed dictionaries demand read-only keys).
    """
    properties: dict[str, Any] = {
        "hardwareProfile": {"vmSize": request.place.size},
        "storageProfile": {
            "imageReference": _image(request),
            "osDisk": {
                "name": request.os_disk_name,
                "createOption": "FromImage",
                "diskSizeGB": request.os_disk_gb,
                "caching": "ReadWrite",
                "managedDisk": {"storageAccountType": OS_DISK_TYPE},
                "deleteOption": "Delete",
            },
        },
        "osProfile": {
            "computerName": request.name,
            "adminUsername": request.admin_username,
            "customData": base64.b64encode(request.user_data.encode()).decode(),
            "linuxConfiguration": {
                "disablePasswordAuthentication": True,
                "ssh": {"publicKeys": [_login_key(request)]},
            },
        },
        "networkProfile": {
            "networkInterfaces": [
                {"id": request.nic_id, "properties": {"primary": True, "deleteOption": "Delete"}}
            ]
        },
    }
    if security:
        properties["securityProfile"] = {"securityType": security}
    return {"location": request.place.region, "tags": request.tags, "properties": properties}


def _image(request: CreateVm) -> dict[str, str]:
    if request.image_id:
        return {"id": request.image_id}
    return {
        "publisher": UBUNTU_PUBLISHER,
        "offer": UBUNTU_OFFER,
        "sku": UBUNTU_SKU,
        "version": "latest",
    }


def _login_key(request: CreateVm) -> dict[str, str]:
    path = f"/home/{request.admin_username}/.ssh/authorized_keys"
    return {"path": path, "keyData": request.ssh_public_key}
