"""What dockur's Windows must do in any guest: its marker decides about a reinstallation."""

from __future__ import annotations

import contextlib

import asyncssh
import pytest
from guest_machine import RUN_WINDOWS, Machine

POWER_DOWN = "docker exec -i winarena nc -U -w 2 /run/shm/monitor.sock"
STATE = "docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' winarena"
MARKER = "test -f /opt/waa/storage/windows.boot"


async def forwarded(machine: Machine, port: int, path: str) -> str:
    """A whole HTTP answer through a forwarded connection, "" if it closes without one."""
    async with machine.connect() as connection:
        reader, writer = await connection.open_connection("127.0.0.1", port, encoding=None)
        with contextlib.suppress(BrokenPipeError):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return (await reader.read()).decode()


async def power_down(machine: Machine) -> None:
    await machine.must(POWER_DOWN, "system_powerdown\n")
    await machine.pass_time(30)


async def test_first_boot_installs_for_long(docker: Machine) -> None:
    await docker.must(RUN_WINDOWS)
    await docker.pass_time(900)
    assert (await docker.run("curl -sf http://localhost:5000/probe")).code == 56
    assert await forwarded(docker, 5000, "/probe") == ""
    assert "Windows started" not in await docker.must("docker logs winarena")
    await docker.pass_time(400)
    assert '"Service is operational"' in await forwarded(docker, 5000, "/probe")
    assert "Windows started successfully" in await docker.must("docker logs --tail 1 winarena")


async def test_orderly_power_off_writes_the_marker_and_next_boot_is_warm(windows: Machine) -> None:
    await power_down(windows)
    assert await windows.must(STATE) == "exited 0\n"
    await windows.must(MARKER)
    await windows.must("docker start winarena")
    await windows.pass_time(90)
    await windows.must("curl -sf http://localhost:5000/probe")


@pytest.mark.parametrize(
    "command",
    [
        "docker exec winarena sh -c 'echo system_powerdown | nc -U -w 2 /run/shm/monitor.sock'",
        "docker exec winarena sh -c \"printf 'system_powerdown\\n' | nc -U /run/shm/monitor.sock\"",
    ],
)
async def test_power_button_can_be_pressed_from_a_shell_inside(
    windows: Machine, command: str
) -> None:
    await windows.must(command)
    await windows.pass_time(30)
    await windows.must(MARKER)


async def test_docker_stop_never_reaches_windows(windows: Machine) -> None:
    before = windows.clock.now()
    await windows.must("docker stop winarena")
    assert 110 < windows.clock.now() - before < 150
    assert await windows.must(STATE) == "exited 137\n"
    assert (await windows.run(MARKER)).code == 1
    await windows.must("docker start winarena")
    await windows.pass_time(300)
    assert (await windows.run("curl -sf http://localhost:5000/probe")).code == 56
    await windows.pass_time(1000)
    await windows.must("curl -sf http://localhost:5000/probe")


async def test_stop_after_the_power_button_lets_windows_finish(windows: Machine) -> None:
    await windows.must(POWER_DOWN, "system_powerdown\n")
    await windows.must("docker stop winarena")
    assert await windows.must(STATE) == "exited 0\n"
    await windows.must(MARKER)


async def test_power_button_during_installation_leaves_no_marker(docker: Machine) -> None:
    await docker.must(RUN_WINDOWS)
    await docker.pass_time(600)
    await power_down(docker)
    assert await docker.must(STATE) == "exited 0\n"
    assert (await docker.run(MARKER)).code == 1


@pytest.mark.parametrize("is_orderly", [True, False])
async def test_power_off_of_the_vm_leaves_no_marker(windows: Machine, *, is_orderly: bool) -> None:
    await windows.power_off(is_orderly=is_orderly)
    await windows.boot()
    assert (await windows.run(MARKER)).code == 1
    code = 137 if is_orderly else 255
    assert await windows.must(STATE) == f"exited {code}\n"


async def test_other_version_reinstalls(windows: Machine) -> None:
    await power_down(windows)
    await windows.must("docker rm winarena")
    await windows.must(RUN_WINDOWS.replace("--device", "-e VERSION=10 --device"))
    assert (await windows.run(MARKER)).code == 1
    assert await windows.must("cat /opt/waa/storage/windows.base") == "win10x64.iso\n"


async def test_restart_policy_starts_windows_again_after_power_off(windows: Machine) -> None:
    await power_down(windows)
    await windows.must("docker rm winarena")
    await windows.must(RUN_WINDOWS.replace("--device", "--restart unless-stopped --device"))
    await windows.pass_time(90)
    await power_down(windows)
    assert (await windows.must(STATE)).startswith("running")


async def test_monitor_is_gone_when_windows_is_off(windows: Machine) -> None:
    assert "VM status: running" in await windows.must(POWER_DOWN, "info status\n")
    await power_down(windows)
    result = await windows.run(POWER_DOWN, "info status\n")
    assert result.code == 1
    assert "is not running" in result.err


async def test_viewer_page_is_there_while_windows_installs(docker: Machine) -> None:
    await docker.must(RUN_WINDOWS)
    await docker.pass_time(60)
    answer = await forwarded(docker, 8006, "/")
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "<html>" in answer


async def test_image_built_from_windows_is_windows(docker: Machine) -> None:
    await docker.must("mkdir context")
    await docker.must(
        "tee context/Dockerfile",
        "ARG WINDOWS_IMAGE\nARG BASE_IMAGE\nFROM ${WINDOWS_IMAGE} AS windows\nFROM ${BASE_IMAGE}\n"
        "COPY --from=windows /run /run\n",
    )
    await docker.must(
        "docker build -t waa/winarena:1 --build-arg WINDOWS_IMAGE=dockurr/windows:latest"
        " --build-arg BASE_IMAGE=windowsarena/winarena:latest context"
    )
    await docker.must(RUN_WINDOWS.replace("dockurr/windows", "waa/winarena:1"))
    await docker.pass_time(1300)
    await docker.must("curl -sf http://localhost:5000/probe")


async def test_without_the_kvm_device_the_container_ends_at_once(docker: Machine) -> None:
    await docker.must(RUN_WINDOWS.replace("--device /dev/kvm ", ""))
    assert await docker.must(STATE) == "exited 88\n"
    assert "KVM acceleration is not available" in await docker.must("docker logs winarena")


async def test_unpublished_port_is_refused(windows: Machine) -> None:
    async with windows.connect() as connection:
        with pytest.raises(asyncssh.ChannelOpenError, match="refused"):
            await connection.open_connection("127.0.0.1", 3389)
