from __future__ import annotations

import pytest
from guest_vm import Vm

from vmpool.guest import windows

IMAGE = "dockurr/windows"
FIRST_BOOT_SECONDS, POWER_OFF_SECONDS = 1300, 30


@pytest.fixture
async def windows_vm(docker_vm: Vm) -> Vm:
    """A VM whose Windows container has just been made."""
    await docker_vm.ask(windows.create, docker_vm.settings, IMAGE)
    return docker_vm


async def stored(vm: Vm) -> windows.Storage:
    """What lies beside the Windows disk."""
    return await vm.ask(windows.storage, vm.settings.storage_path)


async def test_before_anything_there_is_no_container_and_no_disk(docker_vm: Vm) -> None:
    assert await docker_vm.ask(windows.container) is None
    assert await docker_vm.ask(windows.is_off)
    assert not await docker_vm.ask(windows.press_power_button)
    assert await stored(docker_vm) == windows.Storage(has_disk=False, has_marker=False)


async def test_waa_answers_only_after_the_first_boot(windows_vm: Vm) -> None:
    assert not await windows_vm.ask(windows.probe)
    assert await windows_vm.ask(windows.why_ended) == ""
    await windows_vm.machine.pass_time(FIRST_BOOT_SECONDS)
    assert await windows_vm.ask(windows.probe)


async def test_an_orderly_power_off_leaves_disk_and_marker(windows_vm: Vm) -> None:
    await windows_vm.machine.pass_time(FIRST_BOOT_SECONDS)
    assert await windows_vm.ask(windows.press_power_button)
    assert not await windows_vm.ask(windows.is_off)
    await windows_vm.machine.pass_time(POWER_OFF_SECONDS)
    assert await windows_vm.ask(windows.is_off)
    assert await stored(windows_vm) == windows.Storage(has_disk=True, has_marker=True)


async def test_an_installation_that_is_cut_leaves_a_disk_without_marker(windows_vm: Vm) -> None:
    await windows_vm.machine.power_off(is_orderly=False)
    await windows_vm.machine.boot()
    assert await stored(windows_vm) == windows.Storage(has_disk=True, has_marker=False)


async def test_a_container_that_ended_says_why(windows_vm: Vm) -> None:
    await windows_vm.machine.must("sudo docker kill winarena")
    assert (await windows_vm.ask(windows.why_ended)).startswith("exit code 137")


async def test_ports_are_open_on_the_vms_loopback_only(windows_vm: Vm) -> None:
    shown = await windows_vm.machine.must("sudo docker ps --format '{{.Ports}}'")
    assert {port.split("->")[0] for port in shown.strip().split(", ")} == {
        "127.0.0.1:5000",
        "127.0.0.1:8006",
    }
