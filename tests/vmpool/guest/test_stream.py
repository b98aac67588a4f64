from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from guest_vm import Vm

from vmpool.errors import GuestUnreachableError, HostKeyError
from vmpool.guest import link
from vmpool.guest import stream as streaming
from vmpool.guest.keys import new_host_key
from vmpool.guest.stream import Source, stream

Heard = list[tuple[Source, bytes]]


@pytest.fixture
def heard() -> Heard:
    """What a program has printed so far."""
    return []


async def begin(
    vm: Vm, heard: Heard, *argv: str, is_enough: Callable[[], bool] = lambda: False
) -> asyncio.Future[int | None]:
    """Run a program; returns once something was heard of it, or soon."""
    running = asyncio.ensure_future(
        asyncio.to_thread(stream, vm.address(), argv, lambda *item: heard.append(item), is_enough)
    )
    for _ in range(100):
        if heard or running.done():
            break
        await asyncio.sleep(0.02)
    return running


async def test_output_and_exit_code_come_from_the_program_with_its_words_as_given(
    vm: Vm, heard: Heard
) -> None:
    assert await (await begin(vm, heard, "echo", "a  b", "$HOME")) == 0
    assert heard == [(Source.OUT, b"a  b $HOME\n")]


async def test_the_two_outputs_are_told_apart(vm: Vm, heard: Heard) -> None:
    assert await (await begin(vm, heard, "cat", "/nowhere")) == 1
    assert heard == [(Source.ERR, b"cat: /nowhere: No such file or directory\n")]


async def test_output_is_heard_before_the_program_has_ended(vm: Vm, heard: Heard) -> None:
    end = threading.Event()
    running = await begin(vm, heard, "sh", "-c", "echo now; sleep 1000", is_enough=end.is_set)
    assert heard == [(Source.OUT, b"now\n")]
    assert not running.done()
    end.set()
    assert await running is None


async def test_a_cut_on_the_way_is_no_exit_code(vm: Vm, heard: Heard) -> None:
    running = await begin(vm, heard, "sh", "-c", "echo now; sleep 1000")
    await vm.machine.power_off(is_orderly=False)
    with pytest.raises(GuestUnreachableError):
        await running


async def test_a_silent_program_is_waited_for_and_a_frozen_vm_is_not(
    vm: Vm, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "CHECK_WALL_SECONDS", 0.1)
    monkeypatch.setattr(link, "ANSWER_WALL_SECONDS", 0.5)
    running = await begin(vm, heard, "sh", "-c", "echo now; sleep 1000")
    await asyncio.sleep(1.5)
    assert not running.done()
    threading.Event().wait(2.0)  # the guest lives in this loop: it is frozen meanwhile
    with pytest.raises(GuestUnreachableError, match="does not answer any more"):
        await running


async def test_another_machine_is_told_nothing(vm: Vm, heard: Heard) -> None:
    stranger = vm.address(new_host_key().public_line)
    with pytest.raises(HostKeyError, match="not our VM"):
        await asyncio.to_thread(
            stream, stranger, ["touch", "was-here"], lambda *item: heard.append(item)
        )
    assert (await vm.machine.run("test -e was-here")).code == 1
