"""`oa-vm doctor`, the part that asks Azure: what a first run needs, and how to mend it.

Each check stands for itself and answers even when Azure refuses: a doctor that fails is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vmpool.arm.address import caller_address
from vmpool.arm.capacity import offers, quotas
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import group_id, subscription_id
from vmpool.arm.machines import list_workers
from vmpool.arm.rest import Json, find, get, list_all
from vmpool.errors import VmPoolError
from vmpool.model import Offer, Quota
from vmpool.settings import CloudKind

SUBSCRIPTIONS_API = "2022-12-01"
PROVIDERS_API = "2021-04-01"
PERMISSIONS_API = "2022-04-01"
FEATURES_API = "2021-07-01"
NAMESPACES = ("Microsoft.Compute", "Microsoft.Network", "Microsoft.ContainerRegistry")
STANDARD_FEATURE = "UseStandardSecurityType"
IN_SUBSCRIPTION = (
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Compute/skus/read",
    "Microsoft.Compute/locations/usages/read",
    "Microsoft.Compute/locations/operations/read",
    "Microsoft.Compute/locations/DiskOperations/read",
    "Microsoft.Compute/locations/capsOperations/read",
    "Microsoft.Network/locations/operations/read",
    *(
        f"Microsoft.Compute/{kind}/read"
        for kind in ("disks", "images", "galleries/images/versions")
    ),
    *(
        f"Microsoft.Network/{kind}/read"
        for kind in (
            "networkInterfaces",
            "publicIPAddresses",
            "networkSecurityGroups",
            "virtualNetworks",
        )
    ),
    "Microsoft.ContainerRegistry/registries/read",
    "Microsoft.Resources/subscriptions/resources/read",
    "Microsoft.Insights/eventtypes/values/read",
    *(
        f"Microsoft.ComputeSchedule/locations/virtualMachines{what}/action"
        for what in ("SubmitDeallocate", "CancelOperations")
    ),
    "Microsoft.ComputeSchedule/register/action",
    "Microsoft.DevTestLab/register/action",
)
"""What we do that no resource group holds: the status list, sizes, quota, asking how far an
operation is (its address is below the location, not below the resource), and the lists of
`oa-vm resources`, which misses no resource group."""
IN_GROUP = (
    *(
        f"Microsoft.Compute/virtualMachines/{verb}"
        for verb in ("write", "delete", "start/action", "deallocate/action")
    ),
    "Microsoft.Compute/virtualMachines/generalize/action",
    *(f"Microsoft.Compute/disks/{verb}" for verb in ("read", "write", "delete")),
    *(f"Microsoft.Compute/images/{verb}" for verb in ("read", "write", "delete")),
    *(
        f"Microsoft.Compute/galleries/{what}"
        for what in ("read", "write", "images/read", "images/write")
    ),
    *(
        f"Microsoft.Compute/galleries/images/versions/{verb}"
        for verb in ("read", "write", "delete")
    ),
    *(
        f"Microsoft.Network/{kind}/{verb}"
        for kind in (
            "networkInterfaces",
            "publicIPAddresses",
            "networkSecurityGroups",
            "virtualNetworks",
        )
        for verb in ("read", "write", "delete")
    ),
    "Microsoft.Network/networkInterfaces/join/action",
    "Microsoft.Network/publicIPAddresses/join/action",
    "Microsoft.Network/networkSecurityGroups/join/action",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
    *(
        f"Microsoft.ContainerRegistry/registries/{verb}"
        for verb in (
            "read",
            "write",
            "pull/read",
            "push/write",
            "scheduleRun/action",
            "listBuildSourceUploadUrl/action",
            "runs/read",
            "runs/cancel/action",
            "runs/listLogSasUrl/action",
        )
    ),
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Resources/tags/read",
    "Microsoft.Resources/tags/write",
    *(f"Microsoft.DevTestLab/schedules/{verb}" for verb in ("read", "write", "delete")),
)
"""What we do inside the resource group."""
FEWEST_SHOWN = 3
SIGN_IN = "credentials and subscription"


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        is_ok: whether a run can do with it.
        detail: what was found.
        mend: what to do, "" if nothing.
    """

    name: str
    is_ok: bool
    detail: str
    mend: str = ""


def run_all(cloud: Cloud) -> list[Check]:
    """Every check, in the order in which a run needs them.

    Nothing more is asked of an Azure that does not let us in: it would say the same seven times.
    """
    caller = _guarded(cloud, "SSH source", check_caller)
    first = _guarded(cloud, SIGN_IN, check_subscription)
    if not first.is_ok:
        return [first, caller]
    steps: list[tuple[str, Callable[[Cloud], Check]]] = [
        *((f"provider {name}", _provider_check(name)) for name in NAMESPACES),
        ("permissions", check_permissions),
        ("security type", check_security_type),
        ("sizes and quota", check_places),
        ("pools", check_pools),
    ]
    return [first, *(_guarded(cloud, name, step) for name, step in steps), caller]


def _guarded(cloud: Cloud, name: str, step: Callable[[Cloud], Check]) -> Check:
    try:
        return step(cloud)
    except VmPoolError as error:
        return Check(name, is_ok=False, detail=str(error))


def check_subscription(cloud: Cloud) -> Check:
    """The credentials open the subscription, and it is enabled."""
    found = get(cloud, subscription_id(cloud), SUBSCRIPTIONS_API)
    state = str(found.get("state", ""))
    detail = f"{found.get('displayName', '')} ({cloud.subscription_id}), {state}"
    is_ok = state == "Enabled"
    mend = "" if is_ok else "enable the subscription, or choose another in WAA_SUBSCRIPTION_ID"
    return Check(SIGN_IN, is_ok, detail, mend)


def _provider_check(namespace: str) -> Callable[[Cloud], Check]:
    return lambda cloud: check_provider(cloud, namespace)


def check_provider(cloud: Cloud, namespace: str) -> Check:
    """The subscription has the resource provider registered."""
    found = get(cloud, f"{subscription_id(cloud)}/providers/{namespace}", PROVIDERS_API)
    state = str(found.get("registrationState", "unknown"))
    is_ok = state == "Registered"
    mend = "" if is_ok else f"az provider register --namespace {namespace}"
    return Check(f"provider {namespace}", is_ok, state, mend)


def check_permissions(cloud: Cloud) -> Check:
    """The credentials' roles cover every action that we take."""
    missing = missing_actions(_permissions(cloud, subscription_id(cloud)), IN_SUBSCRIPTION)
    exists = find(cloud, group_id(cloud), PROVIDERS_API) is not None
    scope = group_id(cloud) if exists else subscription_id(cloud)
    wanted = (
        IN_GROUP
        if exists
        else (*IN_GROUP, "Microsoft.Resources/subscriptions/resourceGroups/write")
    )
    missing += missing_actions(_permissions(cloud, scope), wanted)
    if not missing:
        return Check(
            "permissions", is_ok=True, detail=f"all {len(IN_SUBSCRIPTION + wanted)} actions"
        )
    shown = ", ".join(missing[:FEWEST_SHOWN]) + (" ..." if len(missing) > FEWEST_SHOWN else "")
    mend = "ask an owner for a role with these actions (Contributor has them)"
    return Check("permissions", is_ok=False, detail=f"{len(missing)} missing: {shown}", mend=mend)


def _permissions(cloud: Cloud, scope: str) -> list[Json]:
    path = f"{scope}/providers/Microsoft.Authorization/permissions"
    return list_all(cloud, path, PERMISSIONS_API)


def missing_actions(permissions: Iterable[Json], wanted: Iterable[str]) -> list[str]:
    """The wanted actions that no permission grants.

    Args:
        permissions: `actions` and `notActions` per role, `*` standing for anything.
        wanted: action names.
    """
    roles = tuple(permissions)
    return [action for action in wanted if not any(_grants(role, action) for role in roles)]


def _grants(role: Json, action: str) -> bool:
    return _matches(role.get("actions"), action) and not _matches(role.get("notActions"), action)


def _matches(patterns: Iterable[str] | None, action: str) -> bool:
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE)
        for pattern in patterns or ()
    )


def check_security_type(cloud: Cloud) -> Check:
    """VMs may be created with security type Standard, which later images need."""
    if cloud.settings.cloud is CloudKind.LOCAL:
        return Check("security type", is_ok=True, detail="local Azure takes Standard")
    feature = f"Microsoft.Features/providers/Microsoft.Compute/features/{STANDARD_FEATURE}"
    found = get(cloud, f"{subscription_id(cloud)}/providers/{feature}", FEATURES_API)
    state = str(found.get("properties", {}).get("state", "unknown"))
    if state == "Registered":
        return Check("security type", is_ok=True, detail="Standard may be chosen")
    mend = f"az feature register --namespace Microsoft.Compute --name {STANDARD_FEATURE}"
    detail = f"{STANDARD_FEATURE} is {state}: VMs get Azure's default type, managed images may fail"
    return Check("security type", is_ok=True, detail=detail, mend=mend)


def check_places(cloud: Cloud) -> Check:
    """At least one of the sizes has quota for one worker in one of the regions."""
    settings = cloud.settings
    named = [o for o in offers(cloud, settings.regions) if o.place.size in settings.sizes]
    usable = [offer for offer in named if offer.is_nested and not offer.is_restricted]
    regions = tuple({offer.place.region for offer in usable})
    free = {quota.region: quota for quota in quotas(cloud, regions)}
    rooms = {str(offer.place): _room(offer, free[offer.place.region]) for offer in usable}
    if any(rooms.values()):
        most = sorted(rooms.items(), key=lambda item: -item[1])[:FEWEST_SHOWN]
        detail = ", ".join(f"{count} x {place}" for place, count in most)
        return Check("sizes and quota", is_ok=True, detail=detail)
    mend = "name other sizes or regions (WAA_SIZES, WAA_REGIONS), or ask Azure for more cores"
    return Check("sizes and quota", is_ok=False, detail="room for no worker anywhere", mend=mend)


def _room(offer: Offer, quota: Quota) -> int:
    """How many VMs of a size the quota still holds."""
    free = min(quota.free_total, quota.free_by_family.get(offer.family, 0))
    return max(free, 0) // max(offer.vcpus, 1)


def check_caller(cloud: Cloud) -> Check:
    """It is known who shall be let in by SSH."""
    return Check("SSH source", is_ok=True, detail=caller_address(cloud))


def check_pools(cloud: Cloud) -> Check:
    """The lists that every status needs can be read."""
    workers = list_workers(cloud)
    pools = {worker.tags.pool for worker in workers if worker.tags}
    detail = f"pools: {len(pools)}, workers: {len(workers)}, in group {cloud.resource_group}"
    return Check("pools", is_ok=True, detail=detail)
