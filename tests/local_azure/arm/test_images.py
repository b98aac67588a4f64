"""Managed images on the wire: what is captured, what is refused in which words, what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from image_lab import V2, begin_from, capture, generalized_vm, image_path, refusal, source
from raw_azure import Group

DAY = 86_400.0
MONTH_HOURS = 730
UBUNTU_GIB = 2.2
NOT_GENERALIZED = (
    "The operation 'Create Image' requires the Virtual Machine 'box' to be Generalized."
)
OTHER_GENERATION = (
    "The Input HyperVGeneration property: 'V1' does not match with the HyperVGeneration property: "
    "'Gen2' belonging to source: 'sourceVirtualMachine'."
)
NO_GENERATION = "The value of parameter hyperVGeneration is invalid."
TRUSTED_LAUNCH = (
    "Creation of managed images are not supported for virtual machine with TrustedLaunch security "
    "type."
)


def test_image_is_listed_tagged_and_deleted(group: Group) -> None:
    azure = group.azure
    image = capture(group, generalized_vm(group, "box"), "golden", tags={"waa-state": "candidate"})
    assert image["properties"]["provisioningState"] == "Succeeded"
    in_group = azure.get(f"{group.path}/providers/Microsoft.Compute/images")["value"]
    assert [i["name"] for i in in_group] == ["golden"]
    everywhere = azure.get("/providers/Microsoft.Compute/images")["value"]
    assert image["id"] in [i["id"] for i in everywhere]
    patched = azure.call("PATCH", image["id"], {"tags": {"a": "1"}})
    assert patched.json()["properties"]["provisioningState"] == "Updating"
    tags = f"{image['id']}/providers/Microsoft.Resources/tags/default"
    merge = {"operation": "Merge", "properties": {"tags": {"b": "2"}}}
    assert azure.call("PATCH", tags, merge).status_code == 200
    azure.advance(60)
    assert azure.get(image["id"])["tags"] == {"a": "1", "b": "2"}
    listed = azure.get(f"{group.path}/resources?$filter=resourceType eq 'Microsoft.Compute/images'")
    assert [item["name"] for item in listed["value"]] == ["golden"]
    gone = azure.call("DELETE", image["id"])
    assert (gone.status_code, gone.content) == (202, b"")
    azure.advance(60)
    assert azure.call("GET", image["id"]).json()["error"]["code"] == "ResourceNotFound"
    assert azure.call("DELETE", image["id"]).status_code == 204


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (V2, (409, "OperationNotAllowed", NOT_GENERALIZED)),
        ({"hyperVGeneration": "V1"}, (400, "InvalidParameter", OTHER_GENERATION)),
        ({"hyperVGeneration": "V3"}, (400, "InvalidParameter", NO_GENERATION)),
    ],
)
def test_unfit_vm_is_not_captured(
    group: Group, properties: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    body = source(group, group.running_vm("box")) | properties
    request = {"location": group.location, "properties": body}
    assert refusal(group.azure.call("PUT", image_path(group, "golden"), request)) == expected
    assert group.azure.call("GET", image_path(group, "golden")).status_code == 404


def test_vm_of_another_region_is_no_source(group: Group) -> None:
    body = source(group, generalized_vm(group, "box")) | V2
    request = {"location": "westus2", "properties": body}
    answer = group.azure.call("PUT", image_path(group, "golden"), request)
    message = "Source Virtual Machine 'box' specified in the request does not exist in this Azure"
    assert refusal(answer) == (404, "NotFound", f"{message} location.")


def test_trusted_launch_refuses_managed_capture(group: Group) -> None:
    vm = generalized_vm(group, "box", securityProfile={"securityType": "TrustedLaunch"})
    request = {"location": group.location, "properties": source(group, vm) | V2}
    answer = group.azure.call("PUT", image_path(group, "golden"), request)
    assert refusal(answer) == (409, "OperationNotAllowed", TRUSTED_LAUNCH)


def test_image_costs_what_it_uses_until_it_is_deleted(group: Group) -> None:
    azure = group.azure

    def cost() -> tuple[float, float]:
        found = [i for i in azure.meter()["resources"] if i["id"] == image["id"]]
        return found[0]["usd"], found[0]["usd_per_hour"]

    image = capture(group, generalized_vm(group, "box"), "golden")
    before, rate = cost()
    assert rate == pytest.approx(UBUNTU_GIB * 0.05 / MONTH_HOURS)
    azure.advance(30 * DAY)
    after, _ = cost()
    assert after - before == pytest.approx(720 * rate, rel=1e-3)
    azure.call("DELETE", image["id"])
    azure.advance(60)
    assert cost()[1] == 0


def test_image_survives_its_vm_and_makes_vms(group: Group) -> None:
    azure, vm = group.azure, generalized_vm(group, "box")
    image = capture(group, vm, "golden")
    assert azure.call("DELETE", vm).status_code == 202
    azure.advance(60)
    created = begin_from(group, image["id"], "clone", diskSizeGB=64)
    assert created.status_code == 201
    shown = created.json()["properties"]["storageProfile"]
    assert shown["imageReference"] == {"id": image["id"]}
    assert shown["osDisk"]["diskSizeGB"] == 64
    refused = azure.call("DELETE", image["id"])
    assert refusal(refused)[:2] == (409, "OperationNotAllowed")
    assert "'clone' are being provisioned using the Image 'golden'" in refused.text
    azure.advance(600)
    assert group.states("clone")[-1] == "PowerState/running"
    view = azure.get(f"{group.vm('clone')}/instanceView")
    assert (view["hyperVGeneration"], view["osVersion"]) == ("V2", "22.04")
    assert azure.call("DELETE", image["id"]).status_code == 202
    azure.advance(60)
    assert azure.call("POST", f"{group.vm('clone')}/restart").status_code == 202


def test_image_that_is_not_there_makes_no_vm(group: Group) -> None:
    image = capture(group, generalized_vm(group, "box"), "golden")
    missing = image["id"].replace("golden", "lead")
    assert refusal(begin_from(group, missing, "clone")) == (
        404,
        "NotFound",
        f"The Image '{missing}' cannot be found in 'eastus' region.",
    )
    group.location = "westus2"
    answer = group.azure.call(
        "PUT",
        group.vm("far"),
        {
            "location": "westus2",
            "properties": group.vm_body("/none")
            | {"storageProfile": {"imageReference": {"id": image["id"]}}},
        },
    )
    assert refusal(answer)[2] == f"The Image '{image['id']}' cannot be found in 'westus2' region."


def test_disk_is_not_smaller_than_the_images(group: Group) -> None:
    vm = generalized_vm(
        group,
        "box",
        storageProfile={
            "imageReference": group.vm_body("")["storageProfile"]["imageReference"],
            "osDisk": {"createOption": "FromImage", "diskSizeGB": 128},
        },
    )
    image = capture(group, vm, "golden")
    assert image["properties"]["storageProfile"]["osDisk"]["diskSizeGB"] == 128
    status, code, message = refusal(begin_from(group, image["id"], "small", diskSizeGB=64))
    assert (status, code) == (400, "ResizeDiskError")
    assert "in the VM image: 128 GB" in message
    clone = begin_from(group, image["id"], "clone").json()
    assert clone["properties"]["storageProfile"]["osDisk"]["diskSizeGB"] == 128


def test_generalized_image_needs_an_os_profile_and_no_trusted_launch(group: Group) -> None:
    image = capture(group, generalized_vm(group, "box"), "golden")
    body = group.vm_body(group.nic("clone-nic"))
    body["storageProfile"]["imageReference"] = {"id": image["id"]}
    request = {"location": group.location, "properties": body}
    secured = {**body, "securityProfile": {"securityType": "TrustedLaunch"}}
    answer = group.azure.call("PUT", group.vm("clone"), request | {"properties": secured})
    assert refusal(answer)[:2] == (400, "BadRequest")
    assert "TrustedLaunch setting is not supported for the provided image" in answer.text
    del body["osProfile"]
    answer = group.azure.call("PUT", group.vm("clone"), request)
    assert refusal(answer)[2] == "Required parameter 'osProfile' is missing (null)."


def test_failed_capture_can_be_repeated_and_makes_no_vm_before(group: Group) -> None:
    vm = generalized_vm(group, "box")
    group.azure.fault(
        kind="operation", operation="image.create", resource="golden", mode="failed", times=1
    )
    image = capture(group, vm, "golden")
    assert image["properties"]["provisioningState"] == "Failed"
    _, code, message = refusal(begin_from(group, image["id"], "clone"))
    assert code == "OperationNotAllowed"
    assert "until Image has been successfully created" in message
    again = capture(group, vm, "golden")
    assert again["properties"]["provisioningState"] == "Succeeded"
    assert begin_from(group, image["id"], "other").status_code == 201


def test_an_image_never_gets_another_source(group: Group) -> None:
    first, second = generalized_vm(group, "one"), generalized_vm(group, "two")
    capture(group, first, "golden")
    request = {"location": group.location, "properties": source(group, second) | V2}
    answer = group.azure.call("PUT", image_path(group, "golden"), request)
    assert refusal(answer)[:2] == (409, "PropertyChangeNotAllowed")


def test_vms_beyond_twenty_at_once_from_a_managed_image_time_out(group: Group) -> None:
    image = capture(group, generalized_vm(group, "box"), "golden")
    begun = [begin_from(group, image["id"], f"vm{n}") for n in range(21)]
    group.azure.advance(1300)
    ended = [group.azure.wait(answer) for answer in begun]
    assert [document["status"] for document in ended] == ["Succeeded"] * 20 + ["Failed"]
    assert ended[20]["error"]["code"] == "OSProvisioningTimedOut"
    assert group.states("vm20")[-1] == "PowerState/running"  # and is billed
