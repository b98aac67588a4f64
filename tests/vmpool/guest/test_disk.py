from __future__ import annotations

import pytest
from guest_vm import WALL_SECONDS, Vm

from vmpool.guest import disk

USER = "azureuser"


async def secrets(vm: Vm) -> list[str]:
    """What a scan finds."""
    return await vm.ask(disk.find_secrets)


async def test_a_vm_that_was_used_is_full_of_secrets_and_clean_afterwards(docker_vm: Vm) -> None:
    before = await secrets(docker_vm)
    assert "/home/azureuser/.ssh/authorized_keys" in before
    assert any("ssh_host_ed25519_key" in path for path in before)
    assert any("user-data" in path for path in before)
    await docker_vm.call(disk.clean, docker_vm.shell, USER, WALL_SECONDS)
    await docker_vm.ask(disk.deprovision)
    assert await secrets(docker_vm) == []


@pytest.mark.parametrize(
    "path",
    [
        "/root/.bash_history",
        "/home/azureuser/.docker/config.json",
        "/root/.azure/msal_token_cache.json",
        "/home/azureuser/key.pem",
    ],
)
async def test_what_a_clean_up_forgot_is_found(docker_vm: Vm, path: str) -> None:
    await docker_vm.call(disk.clean, docker_vm.shell, USER, WALL_SECONDS)
    await docker_vm.ask(disk.deprovision)
    folder = path.rpartition("/")[0]
    await docker_vm.call(docker_vm.shell.run, ["sudo", "mkdir", "-p", folder], WALL_SECONDS)
    await docker_vm.call(docker_vm.shell.run, ["sudo", "touch", path], WALL_SECONDS)
    assert await secrets(docker_vm) == [path]


async def test_docker_and_its_images_survive_the_clean_up(docker_vm: Vm) -> None:
    await docker_vm.call(docker_vm.shell.run, ["sudo", "docker", "pull", "alpine"], WALL_SECONDS)
    await docker_vm.call(disk.clean, docker_vm.shell, USER, WALL_SECONDS)
    await docker_vm.ask(disk.deprovision)
    images = await docker_vm.call(
        docker_vm.shell.run, ["sudo", "docker", "images", "-q"], WALL_SECONDS
    )
    assert images.out.strip()
