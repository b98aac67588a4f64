"""Gallery image versions: an image's content, published to regions.

The creation of a version ends when its content is captured and has arrived in every target region;
from a region where it has arrived VMs can be made before. A creation that failed keeps the name
until the version is deleted.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from local_azure.moments import iso
from local_azure.operations import Operation, step
from local_azure.providers import capture, life, replication, version_checks
from local_azure.providers.common import (
    DEFINITION,
    VERSION,
    check_preconditions,
    check_same_location,
    check_tags,
    keep,
    operation_reply,
    touch,
)
from local_azure.providers.galleries import ONE_DEFINITION
from local_azure.providers.gallery_common import begin, list_children, new_in_gallery
from local_azure.providers.image_checks import check_unused
from local_azure.providers.settling import ends, fail, settles, succeed
from local_azure.route import Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

routes = Routes()
ONE = ONE_DEFINITION + "/versions/{version}"
capture.awaits("version.create", "captured")
settles("version.update")
ends("version.delete")


@routes.on("GET", ONE_DEFINITION + "/versions")
def list_versions(call: Call) -> Reply:
    """The versions of an image definition."""
    return list_children(call, DEFINITION)


@routes.on("GET", ONE)
def get_version(call: Call) -> Reply:
    """One version; `$expand=ReplicationStatus` tells how far its copies are."""
    version = call.need(VERSION)
    document = copy.deepcopy(version.body)
    if call.query.get("$expand", "").lower() == "replicationstatus":
        names, now = call.cloud.catalog.regions, call.cloud.clock.now()
        document["properties"]["replicationStatus"] = replication.status(version, names, now)
    return Reply(200, document)


@routes.on("PUT", ONE)
def put_version(call: Call) -> Reply:
    """Create a version, or change one."""
    existing = call.find(VERSION)
    check_preconditions(call, existing)
    if existing is None:
        return _create(call)
    check_same_location(call, existing)
    existing.body["tags"] = check_tags(call.body.get("tags"))
    return _update(call, existing)


@routes.on("PATCH", ONE)
def patch_version(call: Call) -> Reply:
    """Change what the body names, tags as a whole."""
    version = call.need(VERSION)
    check_preconditions(call, version)
    if "tags" in call.body:
        version.body["tags"] = check_tags(call.body["tags"])
    return _update(call, version)


@routes.on("DELETE", ONE)
def delete_version(call: Call) -> Reply:
    """Delete a version with all its replicas; one on its way to regions gives that up."""
    version = call.find(VERSION)
    if version is None:
        return Reply(204)
    check_preconditions(call, version)
    check_unused(call, version)
    life.begin_end(call.cloud, version)
    return begin(call, version, "version.delete", 202)


def _create(call: Call) -> Reply:
    version, now, took = new_in_gallery(call, VERSION), call.cloud.clock.now(), _took(call)
    origin = version_checks.check_source(call, version)
    profile = call.properties.get("publishingProfile") or {}
    targets = profile.get("targetRegions") or [{"name": version.location}]
    wanted = version_checks.target_regions(call, version, targets)
    _describe(call, version, profile, origin)
    captured = now + took["create"]
    for region, replicas in wanted.items():
        due = captured + (took["replicate"] if region != version.location else 0)
        replication.begin(version, region, replicas, now, due)
    _show_targets(call, version)
    version.hidden["source"] = origin
    touch(version)
    others = [region for region in wanted if region != version.location]
    steps = [(captured, "captured")]
    steps += [(captured + took["replicate"], "replicated")] * len(others)
    operation = Operation("version.create", version.id, version.location, now, steps)
    operation.data["regions"] = others
    unfit = version_checks.mismatch(
        call.need(DEFINITION), version_checks.source_id(call.properties), origin
    )
    keep(call.cloud, version)
    if unfit:
        operation.steps, operation.failure = [(now, "failed-at-once")], unfit.error()
    else:
        call.cloud.machines.capture(version)
    shown = copy.deepcopy(version.body)
    return operation_reply(call, call.cloud.operations.begin(operation), 201, shown)


def _describe(
    call: Call, version: Resource, profile: dict[str, Any], origin: capture.Origin
) -> None:
    """The properties as Azure shows them (azure-cli#29091), but for the target regions."""
    source = call.properties["storageProfile"]["source"]
    publishing = {
        "targetRegions": [],
        "replicaCount": profile.get("replicaCount", 1),
        "excludeFromLatest": bool(profile.get("excludeFromLatest", False)),
        "publishedDate": iso(call.cloud.clock.now()),
        "storageAccountType": profile.get("storageAccountType", version_checks.STORAGE[0]),
        "replicationMode": profile.get("replicationMode", "Full"),
    }
    if "endOfLifeDate" in profile:
        publishing["endOfLifeDate"] = profile["endOfLifeDate"]
    safety = {"reportedForPolicyViolation": False, "allowDeletionOfReplicatedLocations": False}
    disk = {"sizeInGB": origin["disk_gib"], "hostCaching": "ReadWrite", "source": {}}
    version.body["properties"] = {
        "publishingProfile": publishing,
        "storageProfile": {"source": source, "osDiskImage": disk},
        "safetyProfile": safety | (call.properties.get("safetyProfile") or {}),
        "provisioningState": "Creating",
    }


def _show_targets(call: Call, version: Resource) -> None:
    """The regions as people call them, whatever the request called them."""
    version.properties["publishingProfile"]["targetRegions"] = [
        {
            "name": call.cloud.catalog.regions[region],
            "regionalReplicaCount": record["replicas"],
            "storageAccountType": version.properties["publishingProfile"]["storageAccountType"],
        }
        for region, record in replication.regions_of(version).items()
    ]


def _update(call: Call, version: Resource) -> Reply:
    version_checks.check_again(call, version)
    given = call.properties.get("publishingProfile") or {}
    now, took = call.cloud.clock.now(), _took(call)
    new: list[str] = []
    if "targetRegions" in given:
        wanted = version_checks.target_regions(call, version, given["targetRegions"])
        version_checks.check_removals(call, version, wanted)
        new = _retarget(version, wanted, now, now + took["replicate"])
        _show_targets(call, version)
    publishing = version.properties["publishingProfile"]
    publishing |= {k: given[k] for k in ("excludeFromLatest", "endOfLifeDate") if k in given}
    version.properties["safetyProfile"] |= call.properties.get("safetyProfile") or {}
    version.properties["provisioningState"] = "Updating"
    touch(version)
    keep(call.cloud, version)
    call.cloud.meter.relabel(version)
    due = now + took["replicate"]
    steps = [(due, "replicated")] * len(new) or [(now + took["update"], "done")]
    operation = Operation("version.update", version.id, version.location, now, steps)
    operation.data["regions"] = new
    shown = copy.deepcopy(version.body)
    return operation_reply(call, call.cloud.operations.begin(operation), 200, shown)


def _retarget(version: Resource, wanted: dict[str, int], now: float, due: float) -> list[str]:
    """Have a version be where it is wanted; the regions to which a copy sets out."""
    regions = replication.regions_of(version)
    for region in set(regions) - set(wanted):
        del regions[region]
    arrived = {name for name in wanted if replication.is_in(version, name)}
    for region, replicas in wanted.items():
        if region in arrived:
            regions[region]["replicas"] = replicas
        else:
            replication.begin(version, region, replicas, now, due)
    return [region for region in wanted if region not in arrived]


def _took(call: Call) -> dict[str, float]:
    return {
        name: call.cloud.durations.of("gallery", name) for name in ("create", "replicate", "update")
    }


@step("version.create", "captured")
def _captured(cloud: Cloud, operation: Operation, at: float) -> None:
    version = cloud.store.get(operation.resource)
    if version:
        capture.conclude(cloud, version)
        _arrived(cloud, operation, version, version.location, at)


@step("version.create", "replicated")
@step("version.update", "replicated")
def _replicated(cloud: Cloud, operation: Operation, at: float) -> None:
    version = cloud.store.get(operation.resource)
    if version:
        _arrived(cloud, operation, version, operation.data["regions"].pop(0), at)


def _arrived(cloud: Cloud, operation: Operation, version: Resource, region: str, at: float) -> None:
    replication.complete(version, region)
    keep(cloud, version, at)
    if not operation.steps:
        succeed(cloud, version, at)


@step("version.create", "failed")
@step("version.update", "failed")
def _failed(cloud: Cloud, operation: Operation, at: float) -> None:
    version = cloud.store.get(operation.resource)
    if version:
        replication.fail(version)
        fail(cloud, version, at)
