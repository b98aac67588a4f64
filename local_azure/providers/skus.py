"""What sizes there are, who may use them, and how many cores are left."""

from __future__ import annotations

import re
from typing import Any

from local_azure import errors
from local_azure.catalog import Size
from local_azure.providers.common import VM
from local_azure.providers.disks import SKUS as DISK_SKUS
from local_azure.providers.vm_checks import used_cores
from local_azure.route import SUBSCRIPTION, Routes
from local_azure.wire import Call, Reply

routes = Routes()
FILTER = re.compile(r"\s*location\s+eq\s+'([^']*)'\s*", re.IGNORECASE)
ZONES = ["1", "2", "3"]
DISK_LIMIT = 50000


@routes.on("GET", SUBSCRIPTION + "/providers/Microsoft.Compute/skus")
def list_skus(call: Call) -> Reply:
    """Every size and disk type per region, with this subscription's restrictions."""
    regions = _regions(call)
    sizes = call.cloud.catalog.sizes.values()
    value = [_vm_sku(size, region) for region in regions for size in sizes]
    value += [_disk_sku(name, region) for region in regions for name in DISK_SKUS]
    return Reply(200, {"value": value})


@routes.on("GET", SUBSCRIPTION + "/providers/Microsoft.Compute/locations/{location}/usages")
def list_usages(call: Call) -> Reply:
    """Quotas of a region and what is used of them."""
    asked = call.params["location"]
    region = call.cloud.catalog.region(asked)
    if region is None:
        raise errors.no_provider(call, asked, "locations/usages")
    return Reply(200, {"value": _usages(call, region)})


def _usages(call: Call, region: str) -> list[dict[str, Any]]:
    cloud, quota = call.cloud, call.cloud.catalog.quota
    used = used_cores(cloud, region)
    machines = sum(1 for vm in cloud.store.find_all(VM) if vm.location == region)
    total = cloud.faults.quota_limit(region, "cores", int(quota["cores"]))
    usages = [
        _usage("cores", "Total Regional vCPUs", total, sum(used.values())),
        _usage("virtualMachines", "Virtual Machines", int(quota["virtualMachines"]), machines),
    ]
    for family, text in cloud.catalog.families.items():
        limit = cloud.faults.quota_limit(region, family, int(quota["family"][family]))
        usages.append(_usage(family, text, limit, used.get(family, 0)))
    return usages


def _usage(name: str, text: str, limit: int, used: int) -> dict[str, Any]:
    return {
        "limit": limit,
        "unit": "Count",
        "currentValue": used,
        "name": {"value": name, "localizedValue": text},
    }


def _regions(call: Call) -> list[str]:
    """The regions asked for; a filter that Azure does not know is refused."""
    text = call.query.get("$filter", "")
    if not text:
        return list(call.cloud.catalog.regions)
    match = FILTER.fullmatch(text)
    if match is None:
        raise errors.AzureError(
            400, "InvalidParameter", f"The filter '{text}' is not supported: location eq '...'."
        )
    region = call.cloud.catalog.region(match[1])
    return [region] if region else []


def _vm_sku(size: Size, region: str) -> dict[str, Any]:
    capabilities = {
        "MaxResourceVolumeMB": size.temp_gib * 1024,
        "OSVhdSizeMB": 1047552,
        "vCPUs": size.vcpus,
        "MemoryPreservingMaintenanceSupported": True,
        "HyperVGenerations": "V1,V2",
        "SupportedEphemeralOSDiskPlacements": "ResourceDisk" if size.temp_gib else "",
        "MemoryGB": f"{size.memory_gib:g}",
        "MaxDataDiskCount": size.vcpus * 2,
        "CpuArchitectureType": "x64",
        "LowPriorityCapable": True,
        "PremiumIO": True,
        "VMDeploymentTypes": "IaaS",
        "vCPUsAvailable": size.vcpus,
        "vCPUsPerCore": 2,
        "EphemeralOSDiskSupported": size.temp_gib > 0,
        "EncryptionAtHostSupported": True,
        "CapacityReservationSupported": True,
        "AcceleratedNetworkingEnabled": True,
        "RdmaEnabled": False,
        "MaxNetworkInterfaces": min(8, max(2, size.vcpus // 2)),
    }
    restriction = {
        "type": "Location",
        "values": [region],
        "restrictionInfo": {"locations": [region]},
        "reasonCode": "NotAvailableForSubscription",
    }
    return {
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.removeprefix("Standard_"),
        "family": size.family,
        "locations": [region],
        "locationInfo": [{"location": region, "zones": ZONES, "zoneDetails": []}],
        "capabilities": [{"name": k, "value": str(v)} for k, v in capabilities.items() if v != ""],
        "restrictions": [restriction] if region in size.restricted else [],
    }


def _disk_sku(name: str, region: str) -> dict[str, Any]:
    return {
        "resourceType": "disks",
        "name": name,
        "tier": name.partition("_")[0],
        "locations": [region],
        "locationInfo": [{"location": region, "zones": ZONES, "zoneDetails": []}],
        "capabilities": [],
        "restrictions": [],
    }
