"""Making, changing and deleting container registries.

A registry has a listener of its own from the moment its creation is answered; its login server is
that listener's address. Tiers differ in price and included space only.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from local_azure import errors
from local_azure.errors import AzureError
from local_azure.moments import iso
from local_azure.operations import Operation, step
from local_azure.pace import poll_headers
from local_azure.providers import life
from local_azure.providers.common import (
    REGISTRY,
    check_preconditions,
    check_same_location,
    check_tags,
    keep,
    new_resource,
    touch,
)
from local_azure.providers.registries import NAME, NAME_RULE, ONE, find_by_name, show_registry
from local_azure.route import Routes
from local_azure.serving import HOST
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

routes = Routes()
TIERS = ("Basic", "Standard", "Premium")
DEFAULTS: dict[str, Any] = {
    "adminUserEnabled": False,
    "networkRuleSet": {"defaultAction": "Allow", "virtualNetworkRules": [], "ipRules": []},
    "policies": {
        "quarantinePolicy": {"status": "disabled"},
        "trustPolicy": {"type": "Notary", "status": "disabled"},
        "retentionPolicy": {"days": 7, "status": "disabled"},
    },
    "encryption": {"status": "disabled"},
    "dataEndpointEnabled": False,
    "dataEndpointHostNames": [],
    "privateEndpointConnections": [],
    "publicNetworkAccess": "Enabled",
    "networkRuleBypassOptions": "AzureServices",
    "zoneRedundancy": "Disabled",
}
"""What a registry has that nobody asked anything of, as recorded."""
KEPT = (
    "adminUserEnabled",
    "publicNetworkAccess",
    "networkRuleBypassOptions",
    "anonymousPullEnabled",
)
"""What a request may change; of these only the admin user has an effect here."""


@routes.on("PUT", ONE)
def put_registry(call: Call) -> Reply:
    """Create a registry, or change one."""
    existing = call.find(REGISTRY)
    check_preconditions(call, existing)
    if existing:
        check_same_location(call, existing)
        return _change(call, existing, check_tags(call.body.get("tags")))
    registry = _new(call)
    port = call.cloud.registries.reserve()
    registry.hidden["port"] = port
    now = iso(call.cloud.clock.now())
    registry.body["properties"] = {
        "loginServer": f"{HOST}:{port}",
        "creationDate": now.replace("+00:00", "Z"),
        "provisioningState": "Creating",
        **copy.deepcopy(DEFAULTS),
        **_asked(call),
    }
    registry.properties["policies"]["retentionPolicy"]["lastUpdatedTime"] = now
    registry.body["systemData"] = _authors(call, now)
    touch(registry)
    keep(call.cloud, registry)
    call.cloud.registries.open(registry)
    return _begin(call, registry, "create", 201)


@routes.on("PATCH", ONE)
def patch_registry(call: Call) -> Reply:
    """Change a registry's tier, tags or admin user."""
    registry = call.need(REGISTRY)
    check_preconditions(call, registry)
    tags = check_tags(call.body["tags"]) if "tags" in call.body else registry.tags
    return _change(call, registry, tags)


@routes.on("DELETE", ONE)
def delete_registry(call: Call) -> Reply:
    """Delete a registry with everything in it; 204 when there is none."""
    registry = call.find(REGISTRY)
    if registry is None:
        return Reply(204)
    check_preconditions(call, registry)
    life.begin_end(call.cloud, registry)
    return _begin(call, registry, "delete", 202)


def _new(call: Call) -> Resource:
    name = call.params["name"]
    if not NAME.fullmatch(name):
        raise AzureError(
            400, "InvalidRegistryName", f"The registry name '{name}' is invalid. {NAME_RULE}"
        )
    if find_by_name(call, name):
        raise AzureError(
            409,
            "AlreadyInUse",
            f"The registry DNS name {name.lower()}.azurecr.io is already in use. You can check if "
            "the name is already claimed using following API: "
            "https://docs.microsoft.com/en-us/rest/api/containerregistry/registries/"
            "checknameavailability",
        )
    registry = new_resource(call, REGISTRY)
    registry.body["sku"] = _tier(call)
    return registry


def _change(call: Call, registry: Resource, tags: dict[str, str]) -> Reply:
    if registry.properties["provisioningState"] == "Deleting":
        raise errors.conflict()
    registry.body["tags"] = tags
    if "sku" in call.body:
        registry.body["sku"] = _tier(call)
    registry.properties.update(_asked(call))
    registry.properties["provisioningState"] = "Updating"
    author = _authors(call, iso(call.cloud.clock.now()))
    kept = {key: value for key, value in author.items() if key.startswith("last")}
    registry.body["systemData"].update(kept)
    touch(registry)
    keep(call.cloud, registry)
    call.cloud.meter.relabel(registry)
    return _begin(call, registry, "update", 201)


def _tier(call: Call) -> dict[str, str]:
    name = str((call.body.get("sku") or {}).get("name", ""))
    for tier in TIERS:
        if tier.lower() == name.lower():
            return {"name": tier, "tier": tier}
    raise AzureError(
        400, "InvalidSku", f"The registry SKU '{name}' is invalid: one of {', '.join(TIERS)}."
    )


def _asked(call: Call) -> dict[str, Any]:
    return {key: call.properties[key] for key in KEPT if key in call.properties}


def _authors(call: Call, now: str) -> dict[str, str]:
    who = {"By": call.cloud.identity.client_id, "ByType": "Application", "At": now}
    return {
        f"{verb}{key}": value for verb in ("created", "lastModified") for key, value in who.items()
    }


def _begin(call: Call, registry: Resource, action: str, status: int) -> Reply:
    now = call.cloud.clock.now()
    steps = [(now + call.cloud.durations.of("registry", action), "done")]
    operation = Operation(f"registry.{action}", registry.id, registry.location, now, steps)
    call.cloud.operations.begin(operation)
    where = f"{registry.id}/operationStatuses/registries-{operation.id}"
    headers = {"azure-asyncoperation": call.url(where)} | poll_headers(call.cloud, is_first=True)
    if action == "delete":
        headers["location"] = call.url(where.replace("/operationStatuses/", "/operationResults/"))
        return Reply(status, None, headers)
    return Reply(status, show_registry(registry), headers)


@step("registry.create", "done")
@step("registry.update", "done")
def _done(cloud: Cloud, operation: Operation, at: float) -> None:
    _end(cloud, operation, "Succeeded", at)


@step("registry.create", "failed")
@step("registry.update", "failed")
def _failed(cloud: Cloud, operation: Operation, at: float) -> None:
    _end(cloud, operation, "Failed", at)


def _end(cloud: Cloud, operation: Operation, state: str, at: float) -> None:
    registry = cloud.store.get(operation.resource)
    if registry and registry.properties["provisioningState"] != "Deleting":
        registry.properties["provisioningState"] = state
        registry.hidden["changed"] = at
        keep(cloud, registry, at)


@step("registry.delete", "done")
def _gone(cloud: Cloud, operation: Operation, at: float) -> None:
    registry = cloud.store.get(operation.resource)
    if registry:
        life.end(cloud, registry, at)
