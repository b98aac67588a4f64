"""What runs can be ended: signals, timeouts, and the end of the container around it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from guest_machine import Machine, Result

IN_CONTAINER = "docker exec winarena"


@contextlib.asynccontextmanager
async def running(machine: Machine, command: str) -> AsyncIterator[asyncio.Task[Result]]:
    """A command that runs, on a connection of its own."""
    task = asyncio.create_task(machine.run(command))
    await asyncio.sleep(0.2)
    assert not task.done()
    yield task
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_pkill_finds_nothing_where_nothing_fits(guest: Machine) -> None:
    assert (await guest.run("pkill -f no-such-program")).code == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [("-f", 143), ("--full", 143), ("-TERM -f", 143), ("-9 -f", 137), ("--signal KILL -f", 137)],
)
async def test_pkill_ends_a_program_by_its_command_line(
    guest: Machine, options: str, code: int
) -> None:
    async with running(guest, "sleep 4000") as program:
        await guest.must(f"pkill {options} 'sleep 40+'")
        assert (await program).code == code


async def test_pkill_by_name_does_not_look_at_arguments(guest: Machine) -> None:
    async with running(guest, "sleep 4000"):
        assert (await guest.run("pkill 4000")).code == 1
        assert (await guest.run("pkill sleep")).code == 0


async def test_pkill_refuses_the_processes_of_others(guest: Machine) -> None:
    async with running(guest, "sudo sleep 4000") as program:
        refused = await guest.run("pkill -f ^sleep")
        assert (refused.code, "not permitted" in refused.err) == (1, True)
        await guest.must("sudo pkill -f ^sleep")
        assert (await program).code == 143


async def test_sudo_pkill_is_a_match_of_its_own_and_survives(guest: Machine) -> None:
    assert (await guest.run("sudo pkill -f no-such-program")).code == 0


async def test_pkill_ends_the_shell_whose_line_names_the_pattern(guest: Machine) -> None:
    assert (await guest.run("pkill -f no-such-program || true")).code == 143


async def test_time_that_is_up_is_124(guest: Machine) -> None:
    assert (await guest.patiently("timeout 60 sleep 4000")).code == 124


async def test_timeout_passes_a_signal_on_and_ends_as_its_command_does(guest: Machine) -> None:
    async with running(guest, "timeout 7200 env A=B sleep 4000") as program:
        listed = await guest.must("pgrep -fa sleep")
        assert [line.split(" ", 1)[1] for line in listed.splitlines()] == [
            "timeout 7200 env A=B sleep 4000",
            "sleep 4000",
        ]
        await guest.must("pkill -f '^timeout'")
        assert (await program).code == 143
    assert (await guest.run("pgrep -f sleep")).code == 1


async def test_a_killed_shell_leaves_what_it_had_started(guest: Machine) -> None:
    async with running(guest, "bash -c 'sleep 4000; true'") as program:
        await guest.must("pkill -9 bash")
        assert (await program).code == 137
    await guest.must("pgrep -f ^sleep")


async def test_program_whose_client_has_gone_runs_on(guest: Machine) -> None:
    async with guest.connect() as connection:
        await connection.create_process("sleep 4000")
        await asyncio.sleep(0.2)
    await guest.must("pgrep -f ^sleep")


async def test_container_sees_only_its_own_processes(windows: Machine) -> None:
    async with running(windows, "sleep 4000") as outside:
        assert (await windows.run(f"{IN_CONTAINER} pkill -f sleep")).code == 1
        async with running(windows, f"{IN_CONTAINER} sleep 5000") as inside:
            await windows.must(f"{IN_CONTAINER} pkill -f sleep")
            assert (await inside).code == 143
        assert not outside.done()


async def test_vm_sees_the_processes_of_containers(windows: Machine) -> None:
    async with running(windows, f"{IN_CONTAINER} sleep 5000") as inside:
        await windows.must("sudo pkill -f '^sleep 5000'")
        assert (await inside).code == 143


async def test_ending_dockers_client_leaves_the_program_in_the_container(windows: Machine) -> None:
    async with running(windows, f"{IN_CONTAINER} sleep 5000") as client:
        await windows.must("pkill -f '^docker exec'")
        assert (await client).code == 143
    await windows.must(f"{IN_CONTAINER} pgrep -f ^sleep")


@pytest.mark.parametrize("ending", ["docker kill winarena", "docker rm -f winarena"])
async def test_end_of_the_container_ends_what_runs_in_it(windows: Machine, ending: str) -> None:
    async with running(windows, f"{IN_CONTAINER} timeout 7200 sleep 5000") as inside:
        await windows.must(ending)
        assert (await inside).code == 137
    assert (await windows.run("pgrep -f sleep")).code == 1


async def test_end_of_windows_ends_what_runs_in_its_container(windows: Machine) -> None:
    async with running(windows, f"{IN_CONTAINER} sleep 5000") as inside:
        button = "echo system_powerdown | nc -U /run/shm/monitor.sock"
        await windows.must(f'{IN_CONTAINER} sh -c "{button}"')
        await windows.pass_time(30)
        assert (await asyncio.wait_for(inside, 5)).code == 137


async def test_restart_of_the_container_ends_what_ran_in_it(windows: Machine) -> None:
    async with running(windows, f"{IN_CONTAINER} sleep 5000") as inside:
        await windows.must("docker restart -t 1 winarena")
        assert (await asyncio.wait_for(inside, 5)).code == 137


async def test_detached_exec_returns_at_once(windows: Machine) -> None:
    assert (await windows.run("docker exec -d winarena sleep 5000")).code == 0
    await windows.must(f"{IN_CONTAINER} pgrep -f ^sleep")


async def test_power_off_ends_everything(guest: Machine) -> None:
    async with guest.connect() as connection:
        await connection.create_process("sleep 4000")
        await asyncio.sleep(0.2)
    await guest.power_off(is_orderly=True)
    await guest.boot()
    assert (await guest.run("pgrep -f sleep")).code == 1


async def test_cd_changes_the_folder_of_the_rest_of_the_line(guest: Machine) -> None:
    await guest.must("mkdir here && cd here && touch file")
    assert await guest.must("ls here") == "file\n"
    missing = await guest.run("cd nowhere && touch file")
    assert (missing.code, "No such file or directory" in missing.err) == (1, True)
