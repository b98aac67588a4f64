"""What an image holds and what VMs from it begin with, as guests show it; kills on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from forked_azure import kill
from guest_lab import SSH_RULE, Lab
from raw_azure import Group, RawAzure

from local_azure import control
from local_azure.control import Status, Wanted

WITH_DOCKER = """#cloud-config
packages: [docker.io]
system_info: {default_user: {groups: [docker]}}
"""
QUICK_SECONDS = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Status]:
    """A server with guests whose clock only these tests move."""
    folder = tmp_path_factory.mktemp("images") / "azure"
    yield control.launch(folder, Wanted(speed=1.0))
    control.stop(folder)


@pytest.fixture
def lab(server: Status, unique_name: str) -> Iterator[Lab]:
    """A group of the test's own."""
    made = Lab(server, unique_name)
    yield made
    made.azure.call("DELETE", made.group.path)
    made.azure.advance(600)


def image_path(group: Group) -> str:
    return f"{group.path}/providers/Microsoft.Compute/images/golden"


def begin_capture(group: Group) -> Any:
    """Generalize `box`, which is off, and begin to capture it."""
    assert group.azure.call("POST", f"{group.vm('box')}/generalize").status_code == 200
    source = {"id": f"{group.azure.subscription}{group.vm('box')}"}
    properties = {"sourceVirtualMachine": source, "hyperVGeneration": "V2"}
    return group.put(image_path(group), properties)


def capture(lab: Lab) -> str:
    """Deallocate and capture `box`; the image's id."""
    lab.act("deallocate", 60)
    image = begin_capture(lab.group)
    lab.azure.advance(60)
    assert lab.azure.get(image["id"])["properties"]["provisioningState"] == "Succeeded"
    return str(image["id"])


async def test_vm_from_an_image_has_its_os_disk_and_is_a_machine_of_its_own(lab: Lab) -> None:
    lab.begin([SSH_RULE], user_data=WITH_DOCKER)
    lab.azure.advance(600)
    await lab.patiently("docker run -d --name keep alpine sleep infinity")
    await lab.patiently("docker pull -q hello-world")
    await lab.run(
        "sudo mkdir -p /opt/waa/storage /mnt/lost && sudo touch /opt/waa/storage/data.img"
    )
    old_key, old_machine = await lab.host_key(), await lab.run("cat /etc/machine-id")
    image = capture(lab)
    assert lab.azure.call("DELETE", lab.group.vm("box")).status_code == 202
    lab.azure.advance(60)

    key = asyncssh.generate_private_key("ssh-ed25519")
    private = key.export_private_key().decode().replace("\n", "\n    ")
    user_data = f"{WITH_DOCKER}ssh_keys:\n  ed25519_private: |\n    {private}\n"
    lab.begin([SSH_RULE], "clone", image=image, user_data=user_data)
    lab.azure.advance(90 + QUICK_SECONDS)
    assert await lab.run("cloud-init status", "clone") == "status: done\n"
    assert await lab.run("hostname", "clone") == "clone\n"
    assert await lab.run("ls /opt/waa/storage", "clone") == "data.img\n"
    assert "lost" not in await lab.run("ls /mnt", "clone")
    tags = await lab.run("docker images --format '{{.Repository}}'", "clone")
    assert set(tags.split()) == {"alpine", "hello-world"}
    assert (
        await lab.run("docker ps -a --format '{{.Names}} {{.State}}'", "clone") == "keep exited\n"
    )
    shown = await lab.host_key("clone")
    assert shown.split()[:2] == key.export_public_key().split()[:2]
    assert shown != old_key
    assert await lab.run("cat /etc/machine-id", "clone") == old_machine  # nobody emptied it


async def test_vms_of_one_image_share_nothing(lab: Lab) -> None:
    lab.begin([SSH_RULE])
    lab.azure.advance(600)
    await lab.run("touch note.txt")
    image = capture(lab)
    for name in ("one", "two"):
        lab.begin([SSH_RULE], name, image=image)
    lab.azure.advance(400)
    await lab.run("echo changed | tee -a note.txt", "one")
    assert await lab.run("cat note.txt", "two") == ""
    assert await lab.host_key("one") != await lab.host_key("two")
    lab.begin([SSH_RULE], "three", image=image)
    lab.azure.advance(400)
    assert await lab.run("cat note.txt", "three") == ""


async def test_vm_shut_down_from_inside_is_generalized_after_a_power_off(lab: Lab) -> None:
    lab.begin([SSH_RULE])
    lab.azure.advance(400)
    await lab.run("sudo systemctl poweroff")
    lab.azure.advance(120)
    refused = lab.azure.call("POST", f"{lab.group.vm('box')}/generalize").json()["error"]
    assert "Please power off explicitly in case you shut down" in refused["message"]
    lab.act("powerOff", 60)
    begin_capture(lab.group)
    refused = lab.azure.call("POST", f"{lab.group.vm('box')}/start").json()["error"]
    assert refused["code"] == "OperationNotAllowed"
    assert refused["message"].endswith("since the VM is generalized.")


def kill_and_restart(status: Status) -> RawAzure:
    kill(status)
    return RawAzure(control.launch(Path(status.state_dir), Wanted(speed=1.0, guests="none")))


def test_server_killed_in_a_capture_and_in_a_create_loses_nothing(
    fresh_azure: Callable[..., Status],
) -> None:
    status = fresh_azure(speed=1.0, guests="none")
    group = Group(RawAzure(status), "demo")
    group.running_vm("box")
    group.azure.call("POST", f"{group.vm('box')}/deallocate")
    group.azure.advance(60)
    folder = Path(status.state_dir)
    (disk,) = (folder / "disks").iterdir()
    (disk / "big.img").write_bytes(b"windows")
    begin_capture(group)

    group.azure = kill_and_restart(status)
    image = group.azure.get(image_path(group))
    assert image["properties"]["provisioningState"] == "Creating"
    group.azure.advance(60)
    image = group.azure.get(image_path(group))
    assert image["properties"]["provisioningState"] == "Succeeded"
    (disk / "big.img").write_bytes(b"changed later")
    (captured,) = (folder / "images").iterdir()
    assert (captured / "big.img").read_bytes() == b"windows"

    body = group.vm_body(group.nic("clone-nic"))
    body["storageProfile"]["imageReference"] = {"id": image["id"]}
    group.put(group.vm("clone"), body)
    running = control.status(folder)
    assert running is not None
    group.azure = kill_and_restart(running)
    group.azure.advance(600)
    (clone,) = set((folder / "disks").iterdir()) - {disk}
    assert (clone / "big.img").read_bytes() == b"windows"
    group.azure.call("DELETE", image["id"])
    group.azure.advance(60)
    assert list((folder / "images").iterdir()) == []
