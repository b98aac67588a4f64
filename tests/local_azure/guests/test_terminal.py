"""What a person sees who logs in: a terminal, and logs that go on."""

from __future__ import annotations

import asyncio

import asyncssh
import pytest
from guest_machine import RUN_WINDOWS, Machine

PATIENCE_SECONDS = 10.0
PROMPT = ":~$ "


async def until(process: asyncssh.SSHClientProcess[str], words: str) -> str:
    """Everything that is printed up to some words."""
    seen = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while words not in seen:
            block = await process.stdout.read(1)
            assert block, seen
            seen += block
    return seen


async def test_lines_typed_at_a_terminal_are_echoed_and_run(guest: Machine) -> None:
    async with guest.connect() as connection:
        process = await connection.create_process(term_type="xterm")
        await until(process, PROMPT)
        process.stdin.write("echo hellp\x7fo\r")
        assert "hello\r\nhello\r\n" in (await until(process, PROMPT)).replace("p\b \b", "")
        process.stdin.write("false\r")
        await until(process, PROMPT)
        process.stdin.write("exit\r")
        assert (await process.wait()).exit_status == 1


async def test_ctrl_c_throws_a_line_away_and_ctrl_d_ends_the_session(guest: Machine) -> None:
    async with guest.connect() as connection:
        process = await connection.create_process(term_type="xterm")
        await until(process, PROMPT)
        process.stdin.write("echo no\x03")
        assert "\r\nno" not in await until(process, PROMPT)
        process.change_terminal_size(100, 40)
        process.stdin.write("\x04")
        assert (await process.wait()).exit_status == 0


async def test_a_log_that_is_followed_goes_on_until_the_container_ends(docker: Machine) -> None:
    await docker.must(RUN_WINDOWS)
    await docker.pass_time(10)
    async with docker.connect() as connection:
        process = await connection.create_process("docker logs --follow --tail 1 winarena")
        await until(process, "Requesting Windows 11")
        await docker.pass_time(1300)
        await until(process, "Windows started successfully")
        await docker.must("docker kill winarena")
        assert (await process.wait()).exit_status == 0


@pytest.mark.parametrize("ending", ["\x03", "hang up"])
async def test_a_log_that_is_followed_ends_with_ctrl_c_or_its_client(
    docker: Machine, ending: str
) -> None:
    await docker.must(RUN_WINDOWS)
    await docker.pass_time(10)
    async with docker.connect() as connection:
        process = await connection.create_process("docker logs -f winarena", term_type="xterm")
        await until(process, "Requesting Windows 11")
        if ending == "\x03":
            process.stdin.write(ending)
            assert (await process.wait()).exit_status == 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while docker.clock.next_due() is not None:  # noqa: ASYNC110 # nothing tells that none waits
            await asyncio.sleep(0.05)
