from __future__ import annotations

from dataclasses import replace

import pytest
from guest_vm import WALL_SECONDS, Vm

from vmpool.context import BuildContext, image_name, waa_context
from vmpool.errors import GuestCommandError
from vmpool.guest import cloud_init, docker

ARGUMENTS = {"BASE_IMAGE": "windowsarena/winarena:latest", "WINDOWS_IMAGE": "dockurr/windows"}


async def test_docker_is_ready_once_cloud_init_has_installed_it(vm: Vm) -> None:
    assert not await vm.ask(docker.is_ready)
    assert not (await vm.ask(cloud_init.status)).is_done
    await vm.machine.pass_time(200)
    status = await vm.ask(cloud_init.status)
    assert (status.is_done, status.is_failed) == (True, False)
    assert await vm.ask(docker.is_ready)


async def test_images_lie_on_the_os_disk_and_storage_outside_every_home(docker_vm: Vm) -> None:
    root = await docker_vm.machine.must("sudo docker info --format '{{.DockerRootDir}}'")
    assert root == "/var/lib/docker\n"
    await docker_vm.machine.must("test -d /opt/waa/storage")


async def test_a_package_that_does_not_exist_is_a_failure_in_cloud_inits_words() -> None:
    told = {"status": "error", "errors": ["('package_update', PackageInstallerError('x'))"]}
    status = cloud_init.decode(told)
    assert status.is_failed
    assert "PackageInstallerError" in status.detail


async def test_warnings_of_cloud_init_cost_no_vm() -> None:
    told = {"status": "done", "extended_status": "degraded done", "errors": []}
    assert not cloud_init.decode(told).is_failed


async def test_an_image_has_an_id_once_it_is_pulled(docker_vm: Vm) -> None:
    assert await docker_vm.ask(docker.image_id, "alpine") == ""
    await docker_vm.ask(docker.pull, "alpine")
    assert (await docker_vm.ask(docker.image_id, "alpine")).startswith("sha256:")


async def test_an_image_that_does_not_exist_says_so(docker_vm: Vm) -> None:
    with pytest.raises(GuestCommandError, match="pull access denied"):
        await docker_vm.ask(docker.pull, "nosuch/repository")


async def test_our_context_builds_and_leaves_no_folder_behind(docker_vm: Vm) -> None:
    context, tag = waa_context(), image_name("waa-auto:latest", ARGUMENTS)
    await docker_vm.ask(docker.build, context, tag, ARGUMENTS)
    assert (await docker_vm.ask(docker.image_id, tag)).startswith("sha256:")
    assert "waa-context" not in await docker_vm.machine.must("ls /tmp")


async def test_a_build_that_fails_says_what_docker_said(docker_vm: Vm) -> None:
    context = BuildContext({"Dockerfile": b"FROM alpine\nRUN exit 3\n"})
    with pytest.raises(GuestCommandError, match="exit code: 3"):
        await docker_vm.ask(docker.build, context, "x:1", {})


def test_any_changed_byte_or_base_image_is_another_image_name() -> None:
    name = image_name("waa-auto:latest", ARGUMENTS)
    assert name == image_name("waa-auto", dict(reversed(ARGUMENTS.items())))
    assert name != image_name("waa-auto", ARGUMENTS | {"BASE_IMAGE": "windowsarena/winarena:2"})
    files = waa_context().files
    changed = {**files, "Dockerfile": files["Dockerfile"] + b"\n"}
    assert BuildContext(changed).digest != waa_context().digest


def test_a_registrys_port_is_not_taken_for_a_tag() -> None:
    assert image_name("localhost:5000/waa", {}).startswith("localhost:5000/waa:")


async def test_a_full_disk_is_a_failure_of_the_pull(docker_vm: Vm) -> None:
    machine = docker_vm.machine
    machine.spec = replace(machine.spec, os_disk_gib=4)
    await machine.power_off(is_orderly=True)
    await machine.boot()
    with pytest.raises(GuestCommandError, match="no space left on device"):
        await docker_vm.call(
            docker.pull, docker_vm.shell, "windowsarena/winarena:latest", WALL_SECONDS
        )
