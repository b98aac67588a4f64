"""Where VMs can go: sizes, restrictions and quota, for free and in seconds.

No probe VM. None of this proves capacity: an allocation can still fail, and then the next place is
taken at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import subscription_id
from vmpool.arm.rest import Json, at_once, list_all
from vmpool.model import Offer, Place, Quota

SKUS_API = "2021-07-01"
USAGES_API = "2024-07-01"
REGION_TOTAL = "cores"
"""The usage that counts the vCPUs of all families."""
SIZE = re.compile(
    r"Standard_(?P<family>[DE])\d+(-\d+)?(?P<features>[a-z]*)_v(?P<version>\d+)", re.IGNORECASE
)
FIRST_INTEL, FIRST_AMD = 3, 5
"""First versions of the D and E families whose pages say "Nested virtualization: Supported": Intel
since Dv3 and Ev3, AMD (`a`) since Dasv5 and Easv5 (v4 says "Not Supported"). Arm sizes (`p`) and
confidential ones (DC, EC) don't. learn.microsoft.com/azure/virtual-machines/sizes, series pages."""


def offers(cloud: Cloud, regions: Sequence[str]) -> tuple[Offer, ...]:
    """Every VM size that Azure lists in the regions, restricted ones too.

    Args:
        cloud: connection.
        regions: Azure regions; an unknown one simply has no offers.

    Raises:
        VmPoolError: Azure could not be asked.
    """
    path = f"{subscription_id(cloud)}/providers/Microsoft.Compute/skus"

    def ask(region: str) -> list[Offer]:
        found = list_all(cloud, path, SKUS_API, {"$filter": f"location eq '{region}'"})
        return [_offer(item, region) for item in found if _is_machine(item)]

    return tuple(offer for found in at_once([partial(ask, r) for r in regions]) for offer in found)


def quotas(cloud: Cloud, regions: Sequence[str]) -> tuple[Quota, ...]:
    """Free vCPUs now, per region.

    Args:
        cloud: connection.
        regions: Azure regions.

    Raises:
        UsageError: there is no such region.
    """
    return tuple(at_once([partial(_quota, cloud, region) for region in regions]))


def can_nest(size: str) -> bool:
    """Whether a size can run QEMU with /dev/kvm, by its family and version."""
    found = SIZE.fullmatch(size)
    if not found or "p" in found["features"].lower():
        return False
    is_amd = "a" in found["features"].lower()
    return int(found["version"]) >= (FIRST_AMD if is_amd else FIRST_INTEL)


def _is_machine(item: Json) -> bool:
    return str(item.get("resourceType", "")).lower() == "virtualmachines"


def _offer(item: Json, region: str) -> Offer:
    abilities = {str(c["name"]): str(c["value"]) for c in item.get("capabilities") or []}
    return Offer(
        place=Place(str(item["name"]), region),
        vcpus=int(abilities.get("vCPUs", "0")),
        family=str(item.get("family", "")),
        has_temp_disk=int(abilities.get("MaxResourceVolumeMB", "0")) > 0,
        is_nested=can_nest(str(item["name"])),
        is_restricted=any(_bars(restriction) for restriction in item.get("restrictions") or []),
    )


def _bars(restriction: Json) -> bool:
    """Whether a restriction bars the whole region; one of zones leaves VMs without a zone alone."""
    return str(restriction.get("type", "")).lower() == "location"


def _quota(cloud: Cloud, region: str) -> Quota:
    path = f"{subscription_id(cloud)}/providers/Microsoft.Compute/locations/{region}/usages"
    free = {
        str(item["name"]["value"]): int(item["limit"]) - int(item["currentValue"])
        for item in list_all(cloud, path, USAGES_API)
    }
    return Quota(region, free_by_family=free, free_total=free.get(REGION_TOTAL, 0))
