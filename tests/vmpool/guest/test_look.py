from __future__ import annotations

import pytest
from guest_vm import Vm

from vmpool.guest import windows
from vmpool.guest.look import Seen, look
from vmpool.screen import read_ppm

IMAGE = "dockurr/windows"
FIRST_BOOT_SECONDS = 1300


@pytest.fixture
async def windows_vm(docker_vm: Vm) -> Vm:
    """A VM whose Windows container has just been made."""
    await docker_vm.ask(windows.create, docker_vm.settings, IMAGE)
    return docker_vm


async def test_a_look_brings_containers_log_and_screen(windows_vm: Vm) -> None:
    await windows_vm.machine.pass_time(FIRST_BOOT_SECONDS)
    seen: Seen = await windows_vm.ask(look)
    assert "winarena" in seen.containers
    assert "Windows started successfully" in str(seen.log)
    assert (read_ppm(seen.screen).width, seen.blind) == (160, "")


async def test_a_look_leaves_no_file_in_the_container(windows_vm: Vm) -> None:
    await windows_vm.machine.pass_time(FIRST_BOOT_SECONDS)
    before = await windows_vm.machine.must("sudo docker exec winarena ls /tmp")
    await windows_vm.ask(look)
    assert await windows_vm.machine.must("sudo docker exec winarena ls /tmp") == before


async def test_a_container_that_ended_has_a_log_and_no_screen(windows_vm: Vm) -> None:
    await windows_vm.machine.must("sudo docker kill winarena")
    seen: Seen = await windows_vm.ask(look)
    assert "Exited (137)" in seen.containers
    assert "Starting Windows" in str(seen.log)
    assert (seen.screen, "is not running" in seen.blind) == (b"", True)


async def test_without_a_container_there_is_nothing_to_see(docker_vm: Vm) -> None:
    seen: Seen = await docker_vm.ask(look)
    assert (seen.log, seen.screen, seen.blind) == (None, b"", "")
