from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from guest_vm import Vm

from vmpool.errors import GuestCommandError, GuestUnreachableError, HostKeyError
from vmpool.guest.keys import new_host_key
from vmpool.guest.shell import Shell

LIMIT = 10.0


async def test_arguments_arrive_as_they_are(vm: Vm) -> None:
    words = ["two words", "$HOME", "a'b", '"', "*", ";true"]
    answer = await vm.call(vm.shell.run, ["echo", *words], LIMIT)
    assert answer.out == " ".join(words) + "\n"


async def test_a_failed_program_says_its_last_words_and_code(vm: Vm) -> None:
    with pytest.raises(GuestCommandError, match="No such file") as caught:
        await vm.call(vm.shell.run, ["cat", "/nowhere"], LIMIT)
    assert caught.value.exit_code == 1


async def test_another_host_key_is_refused_before_anything_is_sent(vm: Vm) -> None:
    stranger = Shell(vm.address(new_host_key().public_line))
    with pytest.raises(HostKeyError, match="not our VM"):
        await vm.call(stranger.run, ["touch", "/tmp/was-here"], LIMIT)  # noqa: S108 # the VM's
    assert (await vm.machine.run("test -e /tmp/was-here")).code == 1


async def test_without_a_recorded_host_key_nobody_is_believed(vm: Vm) -> None:
    address = vm.address()
    nameless = Shell(type(address)(**{**vars(address), "host_key": ""}))
    with pytest.raises(HostKeyError):
        await vm.call(nameless.run, ["true"], LIMIT)


async def test_a_refused_connection_is_unreachable_and_the_next_use_connects_again(vm: Vm) -> None:
    await vm.call(vm.shell.run, ["true"], LIMIT)
    await vm.machine.power_off(is_orderly=True)
    with pytest.raises(GuestUnreachableError):
        await vm.call(vm.shell.run, ["true"], LIMIT)
    await vm.machine.boot()
    assert (await vm.call(vm.shell.run, ["whoami"], LIMIT)).out == "azureuser\n"


async def test_a_program_that_takes_too_long_is_given_up(vm: Vm) -> None:
    with pytest.raises(GuestUnreachableError, match="did not answer"):
        await asyncio.to_thread(vm.shell.run, ["sleep", "1000"], 0.3)
    await vm.call(vm.shell.run, ["true"], LIMIT)


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "not yet open"])
async def test_a_frozen_vm_is_given_up(vm: Vm, *, is_open: bool) -> None:
    """The guest lives in this test's loop: while the test itself waits, nothing of it moves."""
    other = Shell(vm.address())
    uses = [partial(vm.shell.run, ["true"]), partial(other.put, b"x", "/home/azureuser/x")]
    for shell in (vm.shell, other) if is_open else ():
        await vm.call(shell.run, ["true"], LIMIT)
    with ThreadPoolExecutor() as threads:
        begun = [threads.submit(use, timeout_seconds=0.5) for use in uses]
        troubles = [each.exception(timeout=30) for each in begun]
    assert [type(trouble) for trouble in troubles] == [GuestUnreachableError] * 2
    for use in uses:
        await vm.call(use, LIMIT)
    other.close()


async def test_a_connection_cut_in_the_middle_is_unreachable(vm: Vm) -> None:
    running = asyncio.ensure_future(asyncio.to_thread(vm.shell.run, ["sleep", "1000"], LIMIT))
    await asyncio.sleep(0.5)
    await vm.machine.power_off(is_orderly=False)
    with pytest.raises(GuestUnreachableError):
        await running


async def test_files_arrive_whole(vm: Vm) -> None:
    content = bytes(range(256)) * 400
    await vm.call(vm.shell.put, content, "/tmp/file", LIMIT)  # noqa: S108 # the VM's
    assert (await vm.call(vm.shell.run, ["stat", "-c", "%s", "/tmp/file"], LIMIT)).out == "102400\n"  # noqa: S108 # same


async def test_what_is_fed_is_read_and_stands_in_no_argument(vm: Vm) -> None:
    secret = "s3cret " * 300
    answer = await vm.call(vm.shell.feed, ["cat"], secret, LIMIT)
    assert answer.out == secret


async def test_feeding_takes_no_longer_for_more_bytes(vm: Vm) -> None:
    began = time.monotonic()
    await vm.call(vm.shell.feed, ["cat"], 20_000 * "x", LIMIT)
    assert time.monotonic() - began < LIMIT / 2


async def test_a_program_that_fails_on_what_it_is_fed_does_not_repeat_it(vm: Vm) -> None:
    with pytest.raises(GuestCommandError) as caught:
        await vm.call(vm.shell.feed, ["cat", "/nowhere"], "s3cret", LIMIT)
    assert "s3cret" not in str(caught.value)


async def test_feeding_a_program_that_takes_too_long_is_given_up(vm: Vm) -> None:
    with pytest.raises(GuestUnreachableError):
        await asyncio.to_thread(vm.shell.feed, ["sleep", "1000"], "x", 0.3)
    await vm.call(vm.shell.run, ["true"], LIMIT)
