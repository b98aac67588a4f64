"""What Azure refuses before it captures a VM or deletes an image, with Azure's code and words.

Sources: the published list of "common error messages when you manage virtual machines", and what
people met: ansible#37158 (generalized), azure-cli#6882 and azure-docs#79975 (location),
azure-docs#74849 (generation), packer#13189 (Trusted Launch).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_azure import errors
from local_azure.errors import AzureError
from local_azure.providers.common import VM
from local_azure.state import Resource
from local_azure.wire import Call

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

CREATE = "Create Image"
GENERATIONS = {"V1": "Gen1", "V2": "Gen2"}
SECURED = ("trustedlaunch", "confidentialvm")


def check_source(call: Call, location: str) -> tuple[Resource, Resource]:
    """The VM that an image is asked to capture, and its OS disk.

    Raises:
        AzureError: it is not there, not in the image's region, or not fit to be captured.
    """
    vm = _named(call, location)
    check_staying(CREATE, "VM", vm)
    _check_generation(call, vm)
    security = str((vm.properties.get("securityProfile") or {}).get("securityType", ""))
    if security.lower() in SECURED:
        raise errors.not_allowed(
            "Creation of managed images are not supported for virtual machine with "
            f"{security} security type."
        )
    if not vm.hidden.get("is_generalized"):
        raise errors.not_allowed(
            f"The operation '{CREATE}' requires the Virtual Machine '{vm.name}' to be Generalized."
        )
    return vm, os_disk(call.cloud, vm)


def check_staying(operation: str, word: str, resource: Resource) -> None:
    """A resource is not on its way out.

    Args:
        operation: what is asked for, as Azure calls it.
        word: what Azure calls such a resource.
        resource: what it is asked of.
    """
    if resource.properties["provisioningState"] == "Deleting":
        raise errors.not_allowed(
            f"Operation '{operation}' is not allowed on {word} '{resource.name}' since the {word} "
            "is marked for deletion. You can only retry the Delete operation (or wait for an "
            "ongoing one to complete)."
        )


def os_disk(cloud: Cloud, vm: Resource) -> Resource:
    """The OS disk of a VM."""
    disk = cloud.store.get(vm.properties["storageProfile"]["osDisk"]["managedDisk"]["id"])
    if disk is None:
        raise RuntimeError(f"{vm.id} has no OS disk")
    return disk


def _named(call: Call, location: str) -> Resource:
    source = str((call.properties.get("sourceVirtualMachine") or {}).get("id", ""))
    if not source:
        raise errors.invalid_parameter(
            "sourceVirtualMachine",
            "The local Azure makes images from virtual machines only: 'sourceVirtualMachine' is "
            "missing (null).",
        )
    vm = call.cloud.store.get(source)
    if vm is None or vm.type != VM or vm.location != location:
        raise AzureError(
            404,
            "NotFound",
            f"Source Virtual Machine '{source.rpartition('/')[2]}' specified in the request does "
            "not exist in this Azure location.",
        )
    return vm


def _check_generation(call: Call, vm: Resource) -> None:
    """What is left out is deduced from the VM (Azure's API reference)."""
    own = vm.hidden["generation"]
    asked = call.properties.get("hyperVGeneration", own)
    if asked not in GENERATIONS:
        raise errors.invalid_parameter(
            "hyperVGeneration", "The value of parameter hyperVGeneration is invalid."
        )
    if asked != own:
        raise errors.invalid_parameter(
            "hyperVGeneration",
            f"The Input HyperVGeneration property: '{asked}' does not match with the "
            f"HyperVGeneration property: '{GENERATIONS[own]}' belonging to source: "
            "'sourceVirtualMachine'.",
        )


def check_unused(call: Call, image: Resource) -> None:
    """No VM is just being made from the image; those that were made before don't count."""
    users = [vm.name for vm in coming_from(call.cloud, image.id)]
    if users:
        raise errors.not_allowed(
            "Operation 'Delete Image' is not allowed since the Virtual Machines "
            f"'{', '.join(users)}' are being provisioned using the Image '{image.name}'."
        )


def coming_from(cloud: Cloud, image_id: str) -> list[Resource]:
    """The VMs that are just being made from an image."""
    return [
        vm
        for vm in cloud.store.find_all(VM)
        if vm.properties["provisioningState"] == "Creating" and vm.hidden.get("image") == image_id
    ]
