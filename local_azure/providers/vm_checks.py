"""What Azure refuses before it makes a VM: each check in its order, with Azure's code and words."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from local_azure import errors
from local_azure.catalog import Size
from local_azure.errors import AzureError
from local_azure.providers.common import NIC, VM
from local_azure.state import Resource
from local_azure.wire import Call

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

RESERVED_USERS = {
    "1", "123", "a", "actuser", "adm", "admin", "admin1", "admin2", "administrator", "aspnet",
    "backup", "console", "david", "guest", "john", "owner", "root", "server", "sql", "support",
    "support_388945a0", "sys", "test", "test1", "test2", "test3", "user", "user1", "user2",
    "user3", "user4", "user5", "video",
}  # fmt: skip
MAX_CUSTOM_DATA = 87380
MAX_COMPUTER_NAME = 64
SSH_KEY = re.compile(r"(ssh-rsa|ssh-ed25519|ecdsa-sha2-\S+) [A-Za-z0-9+/=]+( .*)?")
UNUSED = (None, "deallocated")


def check_size(call: Call, name: str, location: str) -> Size:
    """The size exists and may be used in the region."""
    size = call.cloud.catalog.size(name)
    if size is None:
        known = ", ".join(call.cloud.catalog.sizes)
        raise errors.invalid_parameter(
            "vmSize",
            f"The value {name} provided for the VM size is not valid. The valid sizes in the "
            f"current region are: {known}. Find out more on the valid VM sizes in each region at "
            "https://aka.ms/azure-regionservices.",
        )
    struck = call.cloud.faults.strike("sku", size=size.name, region=location)
    if location in size.restricted or struck:
        raise AzureError(
            409,
            "SkuNotAvailable",
            "The requested VM size for resource 'Following SKUs have failed for Capacity "
            f"Restrictions: {size.name}' is currently not available in location '{location}'. "
            "Please try another size or deploy to a different location or different zone. See "
            "https://aka.ms/azureskunotavailable for details.",
        )
    return size


def check_profile(profile: dict[str, Any]) -> None:
    """Names, keys and custom data of the OS profile, which every generalized image needs."""
    if not profile:
        raise errors.invalid_parameter(
            "osProfile", "Required parameter 'osProfile' is missing (null)."
        )
    user, name = str(profile.get("adminUsername", "")), str(profile.get("computerName", ""))
    if not user or not name:
        missing = "adminUsername" if not user else "computerName"
        raise errors.invalid_parameter(
            missing, f"Required parameter '{missing}' is missing (null)."
        )
    if user.lower() in RESERVED_USERS:
        raise errors.invalid_parameter(
            "adminUsername",
            "The Admin Username specified is not allowed. For more information about disallowed "
            "usernames, see https://aka.ms/vmosprofile",
        )
    if len(name) > MAX_COMPUTER_NAME or not re.fullmatch(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", name):
        raise errors.invalid_parameter(
            "computerName",
            "Linux host name cannot exceed 64 characters in length or contain the following "
            "characters: ` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : ' \" , < > / ?.",
        )
    _check_keys(profile.get("linuxConfiguration") or {}, user)
    _check_custom_data(profile.get("customData"))


def _check_keys(linux: dict[str, Any], user: str) -> None:
    keys = (linux.get("ssh") or {}).get("publicKeys") or []
    if linux.get("disablePasswordAuthentication") and not keys:
        raise errors.invalid_parameter(
            "linuxConfiguration",
            "Authentication using either SSH or by user name and password must be enabled in Linux "
            "profile.",
        )
    for key in keys:
        path = f"/home/{user}/.ssh/authorized_keys"
        if key.get("path") != path:
            raise errors.invalid_parameter(
                "linuxConfiguration.ssh.publicKeys.path",
                "Destination path for SSH public keys is currently limited to its default value "
                f"{path}  due to a known issue in Linux provisioning agent.",
            )
        if not SSH_KEY.fullmatch(str(key.get("keyData", "")).strip()):
            raise errors.invalid_parameter(
                "linuxConfiguration.ssh.publicKeys.keyData",
                "The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid.",
            )


def _check_custom_data(data: str | None) -> None:
    try:
        base64.b64decode(data or "", validate=True)
        is_good = len(data or "") <= MAX_CUSTOM_DATA
    except (binascii.Error, ValueError):
        is_good = False
    if not is_good:
        raise errors.invalid_parameter(
            "customData",
            "Custom data in OSProfile must be in Base64 encoding and with a maximum length of "
            f"{MAX_CUSTOM_DATA} characters.",
        )


def check_nics(call: Call, vm: Resource, references: list[dict[str, Any]]) -> list[Resource]:
    """Every NIC exists in the same region and belongs to no other VM."""
    if not references:
        raise errors.invalid_parameter(
            "networkProfile", "Virtual Machine must have at least one network interface."
        )
    nics: list[Resource] = []
    for reference in references:
        nic = call.cloud.store.get(str(reference.get("id", "")))
        if nic is None or nic.type != NIC or nic.location != vm.location:
            raise errors.invalid_reference(str(reference.get("id", "")), vm.id)
        owner = nic.hidden.get("vm")
        if owner and owner.lower() != vm.id.lower():
            raise errors.network(
                400,
                "NicInUse",
                f"Network Interface {nic.id} is used by existing resource {owner}. In order to "
                "delete the network interface, it must be dissociated from the resource. To learn "
                "more, see aka.ms/deletenic.",
            )
        nics.append(nic)
    return nics


def check_quota(cloud: Cloud, size: Size, location: str) -> None:
    """There are cores left in the family and in the region; deallocated VMs use none."""
    used = used_cores(cloud, location)
    quota = cloud.catalog.quota
    total = cloud.faults.quota_limit(location, "cores", int(quota["cores"]))
    family = cloud.faults.quota_limit(location, size.family, int(quota["family"][size.family]))
    for name, limit, in_use in (
        (f"{size.family} Cores", family, used.get(size.family, 0)),
        ("Total Regional Cores", total, sum(used.values())),
    ):
        if in_use + size.vcpus > limit:
            raise errors.not_allowed(
                f"Operation could not be completed as it results in exceeding approved {name} "
                "quota. Additional details - Deployment Model: Resource Manager, Location: "
                f"{location}, Current Limit: {limit}, Current Usage: {in_use}, Additional "
                f"Required: {size.vcpus}, (Minimum) New Limit Required: {in_use + size.vcpus}. "
                "Setup Alerts when Quota reaches threshold. Learn more at "
                "https://aka.ms/quotamonitoringalerting . Submit a request for Quota increase at "
                "https://aka.ms/ProdportalCRP/ by specifying parameters listed in the 'Details' "
                "section for deployment to succeed. Please read more about quota limits at "
                "https://docs.microsoft.com/en-us/azure/azure-supportability/per-vm-quota-requests"
            )


def used_cores(cloud: Cloud, location: str) -> dict[str, int]:
    """Cores in use per family in a region."""
    used: dict[str, int] = {}
    for vm in cloud.store.find_all(VM):
        is_coming = vm.properties["provisioningState"] == "Creating"
        if vm.location != location or (vm.hidden.get("power") in UNUSED and not is_coming):
            continue
        size = cloud.catalog.sizes[vm.properties["hardwareProfile"]["vmSize"]]
        used[size.family] = used.get(size.family, 0) + size.vcpus
    return used
