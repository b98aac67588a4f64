"""Images of a test's own on the wire: VMs to capture, managed images, galleries with versions."""

from __future__ import annotations

from typing import Any

from raw_azure import Group

V2 = {"hyperVGeneration": "V2"}
DEFINITION = {
    "osType": "Linux",
    "osState": "Generalized",
    "hyperVGeneration": "V2",
    "identifier": {"publisher": "us", "offer": "waa", "sku": "golden"},
}
CREATE_SECONDS, REPLICATE_SECONDS = 300, 2000
"""How long the default profile takes for a version in its region, and for the others."""


def image_path(group: Group, name: str) -> str:
    return f"{group.path}/providers/Microsoft.Compute/images/{name}"


def generalized_vm(group: Group, name: str, **more: Any) -> str:
    """Path of a VM that is deallocated and generalized."""
    body = group.vm_body(group.nic(f"{name}-nic")) | more
    group.put(group.vm(name), body)
    group.azure.advance(600)
    for action in ("deallocate", "generalize"):
        assert group.azure.call("POST", f"{group.vm(name)}/{action}").is_success
        group.azure.advance(60)
    return group.vm(name)


def source(group: Group, vm: str) -> dict[str, Any]:
    return {"sourceVirtualMachine": {"id": f"{group.azure.subscription}{vm}"}}


def capture(group: Group, vm: str, name: str, **fields: Any) -> Any:
    """The captured image."""
    group.put(image_path(group, name), source(group, vm) | V2, **fields)
    group.azure.advance(60)
    return group.azure.get(image_path(group, name))


def begin_from(group: Group, image: str, name: str, **os_disk: Any) -> Any:
    """Begin to create a VM from an image; the answer."""
    body = group.vm_body(group.nic(f"{name}-nic"))
    body["storageProfile"]["imageReference"] = {"id": image}
    body["storageProfile"]["osDisk"] |= os_disk
    return group.azure.call("PUT", group.vm(name), {"location": group.location, "properties": body})


def refusal(answer: Any) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


class Gallery:
    """A gallery with one image definition.

    Args:
        group: where it is made.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self.path = f"{group.path}/providers/Microsoft.Compute/galleries/g{group.name}"
        self.definition = f"{self.path}/images/golden"
        group.put(self.path, {})
        group.put(self.definition, DEFINITION)
        group.azure.advance(60)

    def version(self, name: str = "1.0.0") -> str:
        """Path of a version."""
        return f"{self.definition}/versions/{name}"

    def begin(self, vm: str, *regions: str, name: str = "1.0.0", **profile: Any) -> Any:
        """Begin to publish a VM to its region and others; the answer."""
        targets = [{"name": name} for name in (self.group.location, *regions)]
        properties = {
            "storageProfile": {"source": {"virtualMachineId": self.group.azure.subscription + vm}},
            "publishingProfile": {"targetRegions": targets, **profile},
        }
        body = {"location": self.group.location, "properties": properties}
        return self.group.azure.call("PUT", self.version(name), body)

    def publish(self, vm: str, *regions: str, name: str = "1.0.0", **profile: Any) -> Any:
        """Publish a VM and let the time pass; the version."""
        answer = self.begin(vm, *regions, name=name, **profile)
        assert answer.status_code == 201, answer.text
        self.group.azure.advance(CREATE_SECONDS + 5)
        if regions:
            self.group.azure.advance(REPLICATE_SECONDS)
        assert self.group.azure.wait(answer)["status"] == "Succeeded"
        return self.group.azure.get(self.version(name))

    def status(self, name: str = "1.0.0") -> dict[str, Any]:
        """How far a version's copies are."""
        path = f"{self.version(name)}?$expand=ReplicationStatus"
        found: dict[str, Any] = self.group.azure.get(path)["properties"]["replicationStatus"]
        return found
