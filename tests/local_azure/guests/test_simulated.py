"""What only the simulated guests promise: isolation from the host, faults, restarts, cost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path

import asyncssh
import pytest
from fabric import Connection
from guest_machine import ADMIN, Machine, Make
from hypothesis import given
from hypothesis import strategies as st

from local_azure.guests.simulated.files import GuestFiles


async def test_ports_of_the_host_are_out_of_reach(guest: Machine) -> None:
    reached = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with guest.connect() as connection:
        for host in ("127.0.0.1", "localhost", "::1", guest.spec.address, "10.0.0.1"):
            for target in (port, guest.port, 22):
                with pytest.raises(asyncssh.ChannelOpenError):
                    await connection.open_connection(host, target)
    server.close()
    assert not reached.is_set()


async def test_no_listener_can_be_opened_on_the_host(guest: Machine) -> None:
    async with guest.connect() as connection:
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 1)
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_unix_connection("/var/run/docker.sock")


async def test_nothing_is_given_to_a_shell_of_the_host(guest: Machine, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    for line in (
        f"touch {trap}",
        f"echo x > {trap}",
        f"echo $(touch {trap})",
        f"echo `touch {trap}`",
        f"true & touch {trap}",
        f"(touch {trap})",
        f"python3 -c 'open({str(trap)!r},1)'",
    ):
        assert (await guest.run(line)).code != 0
    assert not trap.exists()


async def test_links_planted_on_the_disk_are_not_followed(guest: Machine, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    home = guest.spec.os_disk / "home" / ADMIN
    (home / "file").symlink_to(secret)
    (home / "folder").symlink_to(tmp_path)
    for command in (
        "cat file",
        "cat folder/secret",
        "sudo cat folder/secret",
        "sudo tee file",
        "sudo rm -rf folder/secret",
        "sudo cp folder/secret x",
    ):
        assert (await guest.run(command, "overwritten")).code != 0
    async with guest.connect() as connection, connection.start_sftp_client() as sftp:
        for path in ("file", "folder/secret"):
            with pytest.raises(asyncssh.SFTPError):
                await sftp.getfo(path) if hasattr(sftp, "getfo") else await sftp.get(
                    path, tmp_path / "got"
                )
        with pytest.raises(asyncssh.SFTPError):
            await sftp.symlink("/etc/passwd", "link")
    assert secret.read_text() == "secret"


NAMES = st.sampled_from(["..", ".", "", "a", "mnt", "home", "link", "etc", "...", "a\nb", "~"])


@given(parts=st.lists(NAMES, max_size=12), is_absolute=st.booleans())
def test_no_path_leaves_the_disks(parts: list[str], *, is_absolute: bool) -> None:
    base = Path("/nowhere/os"), Path("/nowhere/temp")
    path = ("/" if is_absolute else "") + "/".join(parts)
    host = GuestFiles(*base).host(path)
    assert ".." not in host.parts
    assert any(host == disk or disk in host.parents for disk in base)


@given(st.text(max_size=60))
def test_any_text_is_a_path_inside_or_an_error(path: str) -> None:
    disk = Path("/nowhere/os")
    with contextlib.suppress(OSError, UnicodeEncodeError):
        host = GuestFiles(disk, None).host(path)
        assert Path(os.path.normpath(host)) == disk or disk in Path(os.path.normpath(host)).parents


async def test_sftp_cannot_climb_out(guest: Machine) -> None:
    async with guest.connect() as connection, connection.start_sftp_client() as sftp:
        names = await sftp.listdir("/../../../..")
        assert {"etc", "home", "mnt"} <= set(names)
        assert await sftp.realpath("../../../../etc/x") == "/etc/x"
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await sftp.stat("/../../../../work")


async def test_denied_connections_are_held_in_silence(guest: Machine) -> None:
    guest.allowed = False
    reader, writer = await asyncio.open_connection(guest.spec.address, guest.port)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    crowd = [await asyncio.open_connection(guest.spec.address, guest.port) for _ in range(70)]
    assert await asyncio.wait_for(reader.read(1), 5) == b""
    for _, other in [(reader, writer), *crowd]:
        other.close()
    guest.allowed = True
    assert (await guest.run("true")).code == 0


async def test_ssh_listens_only_from_its_time_on(machine: Make) -> None:
    guest = machine()
    at = guest.clock.now()
    await guest.host.power_on(guest.spec, at, at + 1000)
    with pytest.raises(OSError, match="Connect call failed"):
        await guest.run("true")
    await guest.pass_time(1000)
    assert (await guest.run("true")).code == 0


async def test_refused_ssh_comes_back_after_its_time(guest: Machine) -> None:
    await guest.host.inject(guest.spec.vm_id, {"kind": "ssh-refused", "seconds": 60})
    with pytest.raises(OSError, match="Connect call failed"):
        await guest.run("true")
    await guest.pass_time(61)
    assert (await guest.run("true")).code == 0


async def test_cut_ssh_loses_the_connection_but_not_the_host(guest: Machine) -> None:
    async with guest.connect() as connection:
        running = asyncio.ensure_future(connection.run("sleep 1000"))
        await asyncio.sleep(0.1)
        await guest.host.inject(guest.spec.vm_id, "ssh-cut")
        done = await asyncio.wait_for(asyncio.gather(running, return_exceptions=True), 5)
        lost = done[0]
        assert isinstance(lost, Exception) or lost.exit_status is None
    assert (await guest.run("true")).code == 0


async def test_full_disk_refuses_writes_and_pulls(docker: Machine) -> None:
    await docker.host.inject(docker.spec.vm_id, {"kind": "disk_full"})
    assert "No space left on device" in (await docker.run("touch x")).err
    assert "no space left on device" in (await docker.patiently("docker pull alpine")).err
    assert (await docker.must("df --output=avail -B1 /")).split()[1] == "0"
    await docker.host.inject(docker.spec.vm_id, {"kind": "disk_full", "off": True})
    await docker.must("touch x && docker pull alpine")


async def test_frozen_windows_neither_answers_nor_obeys(windows: Machine) -> None:
    await windows.host.inject(windows.spec.vm_id, "windows-frozen")
    assert (await windows.patiently("curl -sf -m 5 http://localhost:5000/probe")).code == 28
    await windows.must(
        "docker exec -i winarena nc -U -w 2 /run/shm/monitor.sock", "system_powerdown\n"
    )
    await windows.pass_time(60)
    assert await windows.must("docker inspect --format '{{.State.Running}}' winarena") == "true\n"


async def test_host_restart_kills_containers(windows: Machine) -> None:
    await windows.host.inject(windows.spec.vm_id, "host-restart")
    await windows.pass_time(60)
    form = "docker inspect --format '{{.State.ExitCode}}' winarena"
    assert await windows.must(form) == "255\n"
    assert windows.shut_down == []


@pytest.mark.parametrize("fault", ["nonsense", {}, 3, None, {"kind": "disk-full", "seconds": -1}])
async def test_unknown_faults_are_refused(guest: Machine, fault: object) -> None:
    with pytest.raises(ValueError, match=r"kind|seconds|word"):
        await guest.host.inject(guest.spec.vm_id, fault)


async def test_containers_go_on_when_the_server_restarts(windows: Machine) -> None:
    await windows.restart_server()
    await windows.must("curl -sf http://localhost:5000/probe")
    form = "docker inspect --format '{{.RestartCount}} {{.State.Running}}' winarena"
    assert await windows.must(form) == "0 true\n"


async def test_power_off_of_windows_goes_on_when_the_server_restarts(windows: Machine) -> None:
    await windows.must(
        "docker exec -i winarena nc -U -w 2 /run/shm/monitor.sock", "system_powerdown\n"
    )
    await windows.restart_server()
    await windows.pass_time(30)
    await windows.must("test -f /opt/waa/storage/windows.boot")


async def test_cloud_init_goes_on_when_the_server_restarts(machine: Make) -> None:
    data = b"#cloud-config\npackages: [docker.io]\nruncmd: ['touch /opt/a', 'touch /opt/b']\n"
    guest = machine(user_data=data)
    await guest.boot()
    await guest.restart_server()
    await guest.pass_time(200)
    await guest.must("cloud-init status --wait && test -f /opt/b && sudo docker ps")


async def test_captured_disk_is_another_instance(docker: Machine, machine: Make) -> None:
    await docker.must("docker pull alpine && touch keep.txt")
    await docker.power_off(is_orderly=True)
    copy = machine(os_disk=docker.spec.os_disk, name="clone", user_data=docker.spec.user_data)
    await copy.boot()
    await copy.pass_time(20)
    assert await copy.must("cloud-init status --wait") == "status: done\n"
    assert await copy.must("hostname") == "clone\n"
    await copy.must("test -f keep.txt && docker image inspect alpine")


async def test_fabric_runs_and_puts(guest: Machine, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(guest.key.export_private_key())
    key.chmod(0o600)

    def drive() -> tuple[str, int, str]:
        options = {"key_filename": str(key), "look_for_keys": False, "allow_agent": False}
        with Connection(
            guest.spec.address, ADMIN, guest.port, connect_kwargs=options
        ) as connection:
            said = connection.run("echo hello", hide=True, in_stream=False).stdout
            code = connection.run("nosuch", hide=True, warn=True, in_stream=False).exited
            connection.put(str(key), "copy")
            size = connection.run("stat -c %s copy", hide=True, in_stream=False).stdout
        return said, code, size.strip()

    assert await asyncio.to_thread(drive) == ("hello\n", 127, str(key.stat().st_size))


async def test_sixty_four_machines_answer_in_parallel_and_idle_costs_nothing(machine: Make) -> None:
    first = machine()
    specs = []
    for _ in range(64):
        other = machine()
        specs.append(other)
        other.port, other.key = first.port, first.key
        other.spec = type(other.spec)(
            **{**vars(other.spec), "authorized_keys": first.spec.authorized_keys}
        )
        await first.host.power_on(other.spec, first.clock.now(), first.clock.now())
    await asyncio.sleep(0.2)
    before = time.monotonic()
    results = await asyncio.gather(*(each.run("hostname") for each in specs))
    assert time.monotonic() - before < 10
    assert [each.out.strip() for each in results] == [each.spec.name for each in specs]
    used = time.process_time()
    await asyncio.sleep(1)
    assert time.process_time() - used < 0.05


async def test_used_bytes_of_a_disk_are_what_df_told(windows: Machine) -> None:
    told = int((await windows.must("df -B1 --output=used /")).split()[1])
    await windows.power_off(is_orderly=True)
    used = windows.host.used_bytes(windows.spec.os_disk)
    assert abs(used - told) < 1 << 20
    with (windows.spec.os_disk / "opt" / "waa" / "storage" / "data.img").open("wb") as real:
        real.truncate(64 << 30)
    assert windows.host.used_bytes(windows.spec.os_disk) < told


async def test_state_of_an_earlier_form_is_an_empty_engine(docker: Machine) -> None:
    await docker.must("docker pull alpine && sudo systemctl stop docker")
    await docker.must("sudo tee /var/lib/docker/engine.json", '{"images": {"sha256:1": {"id": 1}}}')
    await docker.must("sudo systemctl start docker")
    assert await docker.must("docker images -q") == ""
    await docker.must("docker pull alpine")
