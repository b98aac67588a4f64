"""Subscriptions, tenants, regions, registrations, permissions: what a client asks first."""

from __future__ import annotations

from typing import Any

from local_azure import errors
from local_azure.providers import registration
from local_azure.refusals import KNOWN_ELSEWHERE
from local_azure.route import GROUP, SUBSCRIPTION, Routes
from local_azure.wire import Call, Reply

routes = Routes()
SERVED = {
    "Microsoft.Compute": [
        "virtualMachines",
        "disks",
        "locations",
        "locations/operations",
        "locations/usages",
        "skus",
    ],
    "Microsoft.Network": [
        "virtualNetworks",
        "networkSecurityGroups",
        "publicIPAddresses",
        "networkInterfaces",
        "locations",
    ],
    "Microsoft.ContainerRegistry": ["registries", "registries/runs", "checkNameAvailability"],
    "Microsoft.Resources": ["subscriptions", "resourceGroups", "tags", "resources"],
    "Microsoft.Authorization": ["permissions"],
    "Microsoft.DevTestLab": ["schedules"],
    "Microsoft.ComputeSchedule": ["locations"],
    "Microsoft.Insights": ["eventtypes"],
}


@routes.on("GET", "/subscriptions")
def list_subscriptions(call: Call) -> Reply:
    """The one subscription."""
    return Reply(200, {"value": [_subscription(call)], "count": {"type": "Total", "value": 1}})


@routes.on("GET", SUBSCRIPTION)
def get_subscription(call: Call) -> Reply:
    """The subscription."""
    return Reply(200, _subscription(call))


@routes.on("GET", "/tenants")
def list_tenants(call: Call) -> Reply:
    """The one tenant."""
    tenant = call.cloud.identity.tenant_id
    document = {
        "id": f"/tenants/{tenant}",
        "tenantId": tenant,
        "tenantCategory": "Home",
        "displayName": "Local Azure",
        "defaultDomain": "local.invalid",
        "domains": ["local.invalid"],
    }
    return Reply(200, {"value": [document]})


@routes.on("GET", SUBSCRIPTION + "/locations")
def list_locations(call: Call) -> Reply:
    """The regions."""
    base = f"/subscriptions/{call.params['subscription']}/locations"
    value = [
        {
            "id": f"{base}/{name}",
            "name": name,
            "type": "Region",
            "displayName": display,
            "regionalDisplayName": display,
            "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
        }
        for name, display in call.cloud.catalog.regions.items()
    ]
    return Reply(200, {"value": value})


@routes.on("GET", "/providers", SUBSCRIPTION + "/providers")
def list_providers(call: Call) -> Reply:
    """Every provider with its registration."""
    return Reply(200, {"value": [_provider(call, name) for name in SERVED]})


@routes.on("GET", SUBSCRIPTION + "/providers/{namespace}", "/providers/{namespace}")
def get_provider(call: Call) -> Reply:
    """One provider with its registration."""
    return Reply(200, _provider(call, _known(call)))


@routes.on("POST", SUBSCRIPTION + "/providers/{namespace}/register")
def register(call: Call) -> Reply:
    """Register a provider in the subscription."""
    name = _known(call)
    registration.keep(call.cloud, name)
    return Reply(200, _provider(call, name))


@routes.on("POST", SUBSCRIPTION + "/providers/{namespace}/unregister")
def unregister(call: Call) -> Reply:
    """Take a provider's registration back."""
    name = _known(call)
    registration.forget(call.cloud, name)
    return Reply(200, _provider(call, name))


@routes.on(
    "GET",
    SUBSCRIPTION + "/providers/Microsoft.Authorization/permissions",
    GROUP + "/providers/Microsoft.Authorization/permissions",
)
def list_permissions(_call: Call) -> Reply:
    """What the caller may do: everything, as an Owner."""
    owner = {"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}
    return Reply(200, {"value": [owner]})


def _subscription(call: Call) -> dict[str, Any]:
    identity = call.cloud.identity
    return {
        "id": f"/subscriptions/{identity.subscription_id}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": identity.subscription_id,
        "tenantId": identity.tenant_id,
        "displayName": "Local Azure",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _known(call: Call) -> str:
    asked = call.params["namespace"].lower()
    for name in SERVED:
        if name.lower() == asked:
            return name
    if asked in KNOWN_ELSEWHERE:
        return call.params["namespace"]
    raise errors.gateway(
        404,
        "InvalidResourceNamespace",
        f"The resource namespace '{call.params['namespace']}' is invalid.",
    )


def _provider(call: Call, name: str) -> dict[str, Any]:
    is_ready = name in SERVED and name not in registration.MUST_REGISTER
    default = "Registered" if is_ready else "NotRegistered"
    locations = list(call.cloud.catalog.regions.values())
    return {
        "id": f"/subscriptions/{call.cloud.identity.subscription_id}/providers/{name}",
        "namespace": name,
        "resourceTypes": [
            {"resourceType": kind, "locations": locations, "apiVersions": errors.API_VERSIONS}
            for kind in SERVED.get(name, [])
        ],
        "registrationPolicy": "RegistrationRequired",
        "registrationState": registration.state(call.cloud, name, default),
    }
