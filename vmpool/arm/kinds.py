"""The resource types that pools are made of, and the API versions that we read them with.

Versions are pinned: what a newer one renames cannot break a running pool. Writes go through
Azure's own clients, which pin theirs.
"""

from __future__ import annotations

from vmpool.arm.clients import Cloud

VM = "Microsoft.Compute/virtualMachines"
DISK = "Microsoft.Compute/disks"
NIC = "Microsoft.Network/networkInterfaces"
ADDRESS = "Microsoft.Network/publicIPAddresses"
SECURITY_GROUP = "Microsoft.Network/networkSecurityGroups"
NETWORK = "Microsoft.Network/virtualNetworks"
IMAGE = "Microsoft.Compute/images"
GALLERY_VERSION = "Microsoft.Compute/galleries/images/versions"
REGISTRY = "Microsoft.ContainerRegistry/registries"
GALLERY = "Microsoft.Compute/galleries"

API = {
    VM: "2024-07-01",
    DISK: "2024-03-02",
    NIC: "2024-05-01",
    ADDRESS: "2024-05-01",
    SECURITY_GROUP: "2024-05-01",
    NETWORK: "2024-05-01",
    IMAGE: "2024-07-01",
    REGISTRY: "2023-07-01",
    GALLERY: "2024-03-03",
}
PARTS = (NIC, ADDRESS, DISK, SECURITY_GROUP, NETWORK)
"""What a pool has beside VMs, in the order in which it can be deleted."""


def subscription_id(cloud: Cloud) -> str:
    """ARM id of the subscription."""
    return f"/subscriptions/{cloud.subscription_id}"


def group_id(cloud: Cloud) -> str:
    """ARM id of the resource group."""
    return f"{subscription_id(cloud)}/resourceGroups/{cloud.resource_group}"


def resource_id(cloud: Cloud, kind: str, name: str) -> str:
    """ARM id of a resource of the group."""
    return f"{group_id(cloud)}/providers/{kind}/{name}"
