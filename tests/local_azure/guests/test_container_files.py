"""Files in a container beside its volumes: where they are kept, how they come out."""

from __future__ import annotations

import io
import tarfile

import asyncssh
import pytest
from guest_machine import RUN_WINDOWS, Machine

EXEC = "docker exec -i winarena"
BINARY = bytes(range(256)) * 300


async def stream(machine: Machine, command: str, data: bytes = b"") -> bytes:
    """What a command writes, byte for byte."""
    async with machine.connect() as connection:
        stdin = {"input": data} if data else {"stdin": asyncssh.DEVNULL}
        done = await connection.run(command, encoding=None, check=True, **stdin)
    assert isinstance(done.stdout, bytes)
    return done.stdout


def members(data: bytes) -> dict[str, bytes | None]:
    """Names in a tar with their content, None for folders."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {
            info.name: content.read() if (content := archive.extractfile(info)) else None
            for info in archive
        }


@pytest.mark.parametrize("folder", ["/srv", "/results", "/opt/deep/er"])
async def test_container_has_files_of_its_own(windows: Machine, folder: str) -> None:
    await windows.must(f"{EXEC} mkdir -p {folder}")
    await windows.must(f"{EXEC} tee {folder}/note", "kept\n")
    assert await windows.must(f"{EXEC} cat {folder}/note") == "kept\n"
    assert (await windows.run(f"test -e {folder}/note")).code == 1


async def test_volumes_are_the_vms_folders(windows: Machine) -> None:
    assert "windows.base" in await windows.must(f"{EXEC} ls /storage")
    await windows.must(f"{EXEC} touch /storage/new")
    await windows.must("test -f /opt/waa/storage/new")


async def test_files_outlive_stop_start_and_power_off(windows: Machine) -> None:
    await windows.must(f"{EXEC} tee /tmp/note", "kept\n")
    await windows.must("docker restart -t 1 winarena")
    assert await windows.must(f"{EXEC} cat /tmp/note") == "kept\n"
    await windows.power_off(is_orderly=True)
    await windows.boot()
    await windows.must("docker start winarena")
    assert await windows.must(f"{EXEC} cat /tmp/note") == "kept\n"


async def test_files_go_with_the_container(windows: Machine) -> None:
    await windows.must(f"{EXEC} tee /tmp/note", "kept\n")
    await windows.must("docker rm -f winarena")
    await windows.must(RUN_WINDOWS)
    assert (await windows.run(f"{EXEC} cat /tmp/note")).code == 1
    assert len((await windows.must("sudo ls /var/lib/docker/overlay2")).splitlines()) == 1


async def test_exec_in_a_working_folder(windows: Machine) -> None:
    await windows.must("docker exec -w /tmp winarena touch here")
    await windows.must("docker exec --workdir=/tmp winarena test -f here")
    await windows.must("docker exec winarena sh -c 'cd /tmp && test -f here'")
    refused = await windows.run("docker exec -w /nowhere winarena true")
    assert refused.code == 126
    assert "chdir to cwd" in refused.err


async def test_env_file_of_standard_input_reaches_the_program_alone(windows: Machine) -> None:
    lines = "# secrets\nKEY=a b=c\n\nOTHER=2\n"
    command = "docker exec -e OTHER=3 --env-file /dev/stdin winarena env"
    out = (await windows.must(command, lines)).splitlines()
    assert {"KEY=a b=c", "OTHER=3"} <= set(out)
    assert "KEY" not in await windows.must("docker exec winarena env")


async def test_env_file_with_a_blank_in_a_name_is_refused(windows: Machine) -> None:
    command = "docker exec --env-file /dev/stdin winarena env"
    refused = await windows.run(command, "not a name=1\n")
    assert (refused.code, "contains whitespaces" in refused.err) == (125, True)


async def test_copy_out_is_a_tar_under_the_last_name(windows: Machine) -> None:
    await windows.must(f"{EXEC} mkdir -p /results/a")
    await stream(windows, f"{EXEC} tee /results/a/data", BINARY)
    whole = members(await stream(windows, "docker cp winarena:/results -"))
    assert whole == {"results": None, "results/a": None, "results/a/data": BINARY}
    content = members(await stream(windows, "docker cp winarena:/results/. -"))
    assert content == {".": None, "./a": None, "./a/data": BINARY}
    one = members(await stream(windows, "docker cp winarena:/results/a/data -"))
    assert one == {"data": BINARY}


async def test_copy_out_of_a_container_that_is_stopped(windows: Machine) -> None:
    await windows.must(f"{EXEC} tee /tmp/note", "kept\n")
    await windows.must("docker kill winarena")
    assert members(await stream(windows, "docker cp winarena:/tmp/note -")) == {"note": b"kept\n"}


async def test_copy_of_what_is_not_there_is_dockers_error(windows: Machine) -> None:
    refused = await windows.run("docker cp winarena:/nowhere -")
    assert refused.code == 1
    assert "Could not find the file /nowhere in container winarena" in refused.err


async def test_copy_in_lays_a_tar_out(windows: Machine) -> None:
    await windows.must("mkdir tree && touch tree/file")
    archive = await stream(windows, "tar -C tree -cf - .")
    await stream(windows, "docker cp - winarena:/tmp", archive)
    assert await windows.must("docker exec winarena ls /tmp") == "file\n"


@pytest.mark.parametrize("shell", ["", "docker exec -i winarena "])
async def test_tar_is_safe_for_any_bytes(windows: Machine, shell: str) -> None:
    await windows.must(f"{shell}mkdir /tmp/from /tmp/to")
    await stream(windows, f"{shell}tee /tmp/from/data", BINARY)
    archive = await stream(windows, f"{shell}tar -C /tmp/from -czf - .")
    assert members(archive) == {".": None, "./data": BINARY}
    await stream(windows, f"{shell}tar -C /tmp/to -xzf -", archive)
    assert await stream(windows, f"{shell}cat /tmp/to/data") == BINARY


async def test_tar_of_a_missing_folder_fails(guest: Machine) -> None:
    refused = await guest.run("tar -C /nowhere -cf - .")
    assert (refused.code, "Cannot open" in refused.err) == (2, True)


async def test_screen_dump_is_a_picture_of_the_state(docker: Machine) -> None:
    await docker.must(RUN_WINDOWS)
    shown = set()
    for name, seconds in (("early", 100), ("late", 900), ("desktop", 400)):
        await docker.pass_time(seconds)
        monitor = f"{EXEC} nc -U -w 1 /run/shm/monitor.sock"
        answer = await docker.must(monitor, f"screendump /tmp/{name}.ppm\n")
        assert "Error" not in answer
        picture = await stream(docker, f"{EXEC} cat /tmp/{name}.ppm")
        head, size, depth, pixels = picture.split(b"\n", 3)
        width, height = map(int, size.split())
        assert (head, depth, len(pixels)) == (b"P6", b"255", 3 * width * height)
        shown.add(pixels)
    assert len(shown) == 3


async def test_screen_dump_to_nowhere_says_so(windows: Machine) -> None:
    monitor = f"{EXEC} nc -U -w 1 /run/shm/monitor.sock"
    assert "failed to open file" in await windows.must(monitor, "screendump /nowhere/x.ppm\n")


async def test_files_in_a_container_do_not_change_dockers_figures(windows: Machine) -> None:
    before = await windows.must("docker system df")
    await stream(windows, f"{EXEC} tee /tmp/data", BINARY)
    assert await windows.must("docker system df") == before
