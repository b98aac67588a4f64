"""Compute galleries on the wire: names, nesting, what is published where, refusals, cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forked_azure import kill
from image_lab import (
    CREATE_SECONDS,
    DEFINITION,
    REPLICATE_SECONDS,
    Gallery,
    begin_from,
    capture,
    generalized_vm,
    refusal,
)
from raw_azure import Group, RawAzure

from local_azure import control
from local_azure.control import Status, Wanted

MONTH_HOURS = 730
UBUNTU_GIB = 2.2


@pytest.fixture
def gallery(group: Group) -> Gallery:
    return Gallery(group)


@pytest.fixture
def box(group: Group) -> str:
    """A VM that can be published."""
    return generalized_vm(group, "box")


def rate(group: Group, resource_id: str) -> float:
    """USD per hour."""
    (found,) = [i for i in group.azure.meter()["resources"] if i["id"] == resource_id]
    return float(found["usd_per_hour"])


def test_gallery_and_definition_are_made_listed_and_changed(gallery: Gallery) -> None:
    azure = gallery.group.azure
    made = azure.get(gallery.definition)
    assert made["type"] == "Microsoft.Compute/galleries/images"
    assert made["id"].endswith(f"/galleries/g{gallery.group.name}/images/golden")
    assert made["properties"] == {
        "architecture": "x64",
        "provisioningState": "Succeeded",
        **DEFINITION,
    }
    everywhere = azure.get("/providers/Microsoft.Compute/galleries")["value"]
    assert azure.get(gallery.path) in everywhere
    assert [d["name"] for d in azure.get(f"{gallery.path}/images")["value"]] == ["golden"]
    assert azure.call("PATCH", gallery.path, {"tags": {"a": "1"}}).status_code == 200
    azure.advance(60)
    assert azure.get(gallery.path)["tags"] == {"a": "1"}


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("galleries/with-dash", "gallery.name"),
        ("galleries/{g}/images/-x", "galleryImage.name"),
        ("galleries/{g}/images/golden/versions/1.0", "galleryImageVersion.name"),
        ("galleries/{g}/images/golden/versions/1.0.2147483648", "galleryImageVersion.name"),
    ],
)
def test_name_that_azure_does_not_take_is_refused(gallery: Gallery, path: str, target: str) -> None:
    group = gallery.group
    path = path.format(g=f"g{group.name}")
    body = {"location": group.location, "properties": {}}
    answer = group.azure.call("PUT", f"{group.path}/providers/Microsoft.Compute/{path}", body)
    status, code, message = refusal(answer)
    assert (status, code) == (400, "InvalidParameter")
    assert f"The entity name '{target}' is invalid according to its validation rule" in message


def test_version_needs_its_definition_first(gallery: Gallery, box: str) -> None:
    gallery.definition = f"{gallery.path}/images/none"
    status, code, message = refusal(gallery.begin(box))
    assert (status, code) == (404, "ParentResourceNotFound")
    assert message.startswith(
        "Failed to perform 'write' on resource(s) of type 'galleries/images/versions'"
    )


def test_missing_version_is_named_with_its_parents(gallery: Gallery) -> None:
    message = refusal(gallery.group.azure.call("GET", gallery.version("9.9.9")))[2]
    own = f"galleries/g{gallery.group.name}/images/golden/versions/9.9.9"
    assert message.startswith(f"The Resource 'Microsoft.Compute/{own}' under resource group")
    assert gallery.group.azure.call("DELETE", gallery.version("9.9.9")).status_code == 204


def test_version_is_published_tagged_and_deleted(gallery: Gallery, box: str) -> None:
    azure = gallery.group.azure
    version = gallery.publish(box, "westus2", endOfLifeDate="2030-01-01T00:00:00Z")
    properties = version["properties"]
    assert properties["provisioningState"] == "Succeeded"
    assert properties["storageProfile"]["osDiskImage"]["sizeInGB"] == 30
    publishing = properties["publishingProfile"]
    assert [t["name"] for t in publishing["targetRegions"]] == ["East US", "West US 2"]
    assert publishing["endOfLifeDate"] == "2030-01-01T00:00:00Z"
    tags = f"{version['id']}/providers/Microsoft.Resources/tags/default"
    merge = {"operation": "Merge", "properties": {"tags": {"b": "2"}}}
    assert azure.call("PATCH", tags, merge).status_code == 200
    listed = azure.get(f"{gallery.definition}/versions")["value"]
    assert [(v["name"], v["tags"]) for v in listed] == [("1.0.0", {"b": "2"})]
    assert azure.call("DELETE", version["id"]).status_code == 202
    azure.advance(60)
    assert azure.call("GET", version["id"]).status_code == 404


def test_operation_is_polled_where_galleries_have_theirs(gallery: Gallery, box: str) -> None:
    answer = gallery.begin(box)
    assert "/capsOperations/" in answer.headers["azure-asyncoperation"]


def test_copies_arrive_region_by_region(gallery: Gallery, box: str) -> None:
    gallery.begin(box, "westus2")
    gallery.group.azure.advance(CREATE_SECONDS + 5)
    status = gallery.status()
    assert status["aggregatedState"] == "InProgress"
    states = {entry["region"]: entry["state"] for entry in status["summary"]}
    assert states == {"East US": "Completed", "West US 2": "Replicating"}
    gallery.group.azure.advance(REPLICATE_SECONDS / 2)
    halfway = {entry["region"]: entry["progress"] for entry in gallery.status()["summary"]}
    assert halfway["East US"] == 100
    assert 50 <= halfway["West US 2"] <= 65
    gallery.group.azure.advance(REPLICATE_SECONDS / 2)
    assert gallery.status()["aggregatedState"] == "Completed"


def test_vm_is_made_only_where_the_version_has_arrived(gallery: Gallery, box: str) -> None:
    group = gallery.group
    gallery.begin(box, "westus2")
    group.azure.advance(CREATE_SECONDS + 5)
    version = group.azure.get(gallery.version())["id"]
    made = begin_from(group, version, "here")
    assert made.status_code == 201
    shown = made.json()["properties"]["storageProfile"]["imageReference"]
    assert shown == {"id": version, "exactVersion": "1.0.0"}
    group.location = "westus2"
    status, code, message = refusal(begin_from(group, version, "there"))
    assert (status, code) == (404, "GalleryImageNotFound")
    assert f"The gallery image {version} is not available in westus2 region." in message


def test_replicated_version_makes_a_vm_in_the_other_region(gallery: Gallery, box: str) -> None:
    group = gallery.group
    version = gallery.publish(box, "westus2")["id"]
    group.location = "westus2"
    assert begin_from(group, version, "there").status_code == 201
    group.azure.advance(600)
    assert group.states("there")[-1] == "PowerState/running"


def test_definition_means_its_latest_version_but_those_excluded(gallery: Gallery, box: str) -> None:
    group = gallery.group
    definition = group.azure.get(gallery.definition)["id"]
    refused = refusal(begin_from(group, definition, "early"))
    assert refused[:2] == (400, "InvalidParameter")
    assert "the 'exclude from latest' flag is set to false" in refused[2]
    for name in ("1.0.9", "1.0.10"):
        gallery.publish(box, name=name)
    gallery.publish(box, name="2.0.0", excludeFromLatest=True)
    for image in (definition, f"{definition}/versions/latest"):
        made = begin_from(group, image, f"vm{len(image)}").json()
        shown = made["properties"]["storageProfile"]["imageReference"]
        assert shown == {"id": image, "exactVersion": "1.0.10"}


def test_running_vm_is_not_published(gallery: Gallery) -> None:
    status, code, message = refusal(gallery.begin(gallery.group.running_vm("live")))
    assert (status, code) == (400, "BadRequest")
    assert message.endswith(
        "has a different OS state ['Specialized'] than the parent gallery image OS state "
        "['Generalized']."
    )


def test_other_generation_fails_and_the_name_is_taken_until_deleted(
    gallery: Gallery, box: str
) -> None:
    azure = gallery.group.azure
    gallery.definition = f"{gallery.path}/images/old"
    identifier = {"publisher": "us", "offer": "waa", "sku": "old"}
    old = DEFINITION | {"hyperVGeneration": "V1", "identifier": identifier}
    gallery.group.put(gallery.definition, old)
    failed = azure.wait(gallery.begin(box))
    assert failed["error"]["code"] == "Conflict"
    assert (
        "has a different Hypervisor generation ['V2'] than the parent" in failed["error"]["message"]
    )
    assert azure.get(gallery.version())["properties"]["provisioningState"] == "Failed"
    assert gallery.status()["aggregatedState"] == "Failed"
    assert refusal(gallery.begin(box))[:2] == (409, "Conflict")
    azure.call("DELETE", gallery.version())
    azure.advance(60)
    assert gallery.begin(box).status_code == 201


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        (["eastus", "East US"], "Duplicate regions are not allowed in target publishing regions."),
        (
            ["westus2"],
            "Gallery image version publishing profile regions 'westus2' must contain",
        ),
    ],
)
def test_target_regions_that_will_not_do_are_refused(
    gallery: Gallery, box: str, regions: list[str], words: str
) -> None:
    answer = gallery.begin(box, targetRegions=[{"name": name} for name in regions])
    status, code, message = refusal(answer)
    assert (status, code) == (400, "InvalidParameter")
    assert words in message


def test_regions_are_added_and_given_up_only_when_allowed(gallery: Gallery, box: str) -> None:
    azure = gallery.group.azure
    gallery.publish(box)

    def retarget(*names: str, **properties: Any) -> Any:
        targets = {"targetRegions": [{"name": name} for name in names]}
        body = {"properties": {"publishingProfile": targets, **properties}}
        return azure.call("PATCH", gallery.version(), body)

    assert retarget("eastus", "westus2").status_code == 200
    azure.advance(REPLICATE_SECONDS + 5)
    assert [entry["state"] for entry in gallery.status()["summary"]] == ["Completed"] * 2
    assert refusal(retarget("eastus"))[:2] == (409, "OperationNotAllowed")
    safety = {"allowDeletionOfReplicatedLocations": True}
    assert retarget("eastus", safetyProfile=safety).status_code == 200
    assert [entry["region"] for entry in gallery.status()["summary"]] == ["East US"]


def test_what_is_fixed_at_creation_is_not_changed(gallery: Gallery, box: str) -> None:
    gallery.publish(box)
    other = generalized_vm(gallery.group, "other")
    status, code, message = refusal(gallery.begin(other))
    assert (status, code) == (409, "PropertyChangeNotAllowed")
    assert "'galleryImageVersion.properties.storageProfile.source.id'" in message
    body = {"location": "eastus", "properties": DEFINITION | {"osType": "Windows"}}
    answer = gallery.group.azure.call("PUT", gallery.definition, body)
    assert "'galleryImage.properties.osType'" in refusal(answer)[2]


def test_managed_image_and_version_are_sources_too(gallery: Gallery, box: str) -> None:
    azure, group = gallery.group.azure, gallery.group
    image = capture(group, box, "golden")["id"]
    azure.call("DELETE", box)
    azure.advance(60)
    for name, source in (("1.0.0", image), ("2.0.0", azure.subscription + gallery.version())):
        group.put(gallery.version(name), {"storageProfile": {"source": {"id": source}}})
        azure.advance(CREATE_SECONDS + 5)
        state = azure.get(gallery.version(name))["properties"]["provisioningState"]
        assert state == "Succeeded"


def test_parents_are_not_deleted_before_what_is_in_them(gallery: Gallery, box: str) -> None:
    azure = gallery.group.azure
    gallery.publish(box)
    for path, child in ((gallery.path, "images/golden"), (gallery.definition, "versions/1.0.0")):
        status, code, message = refusal(azure.call("DELETE", path))
        assert (status, code) == (409, "CannotDeleteResource")
        assert f"{child}'. Please delete all nested resources" in message
    for path in (gallery.version(), gallery.definition, gallery.path):
        assert azure.call("DELETE", path).status_code == 202
        azure.advance(60)
    assert azure.call("GET", gallery.path).status_code == 404


def test_each_replica_costs_what_is_used_once_it_is_there(gallery: Gallery, box: str) -> None:
    azure = gallery.group.azure
    targets = [{"name": "eastus"}, {"name": "westus2", "regionalReplicaCount": 3}]
    gallery.begin(box, targetRegions=targets)
    version = azure.get(gallery.version())["id"]
    one = UBUNTU_GIB * 0.05 / MONTH_HOURS
    assert rate(gallery.group, version) == 0
    azure.advance(CREATE_SECONDS + 5)
    assert rate(gallery.group, version) == pytest.approx(one)
    azure.advance(REPLICATE_SECONDS)
    assert rate(gallery.group, version) == pytest.approx(4 * one)
    azure.call("DELETE", version)
    azure.advance(60)
    assert rate(gallery.group, version) == 0


def test_version_is_not_deleted_while_a_vm_is_made_from_it(gallery: Gallery, box: str) -> None:
    azure = gallery.group.azure
    version = gallery.publish(box)["id"]
    begin_from(gallery.group, version, "clone")
    assert refusal(azure.call("DELETE", version))[:2] == (409, "OperationNotAllowed")
    azure.advance(600)
    assert azure.call("DELETE", version).status_code == 202


def test_group_takes_its_gallery_along(gallery: Gallery, box: str) -> None:
    azure = gallery.group.azure
    version = gallery.publish(box)["id"]
    azure.call("DELETE", gallery.group.path)
    azure.advance(600)
    assert rate(gallery.group, version) == 0


def kill_and_restart(status: Status) -> RawAzure:
    kill(status)
    return RawAzure(control.launch(Path(status.state_dir), Wanted(speed=1.0, guests="none")))


def test_server_killed_in_a_replication_loses_nothing(fresh_azure: Callable[..., Status]) -> None:
    status = fresh_azure(speed=1.0, guests="none")
    group = Group(RawAzure(status), "demo")
    gallery = Gallery(group)
    folder = Path(status.state_dir)
    box = generalized_vm(group, "box")
    (disk,) = (folder / "disks").iterdir()
    (disk / "big.img").write_bytes(b"windows")
    gallery.begin(box, "westus2")
    for seconds in (CREATE_SECONDS + 5, REPLICATE_SECONDS):
        running = control.status(folder)
        assert running
        group.azure = kill_and_restart(running)
        group.azure.advance(seconds)
    assert gallery.status()["aggregatedState"] == "Completed"
    assert group.azure.get(gallery.version())["properties"]["provisioningState"] == "Succeeded"
    (content,) = (folder / "images").iterdir()
    assert (content / "big.img").read_bytes() == b"windows"
    group.azure.call("DELETE", gallery.version())
    group.azure.advance(60)
    assert list((folder / "images").iterdir()) == []
