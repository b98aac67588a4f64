from __future__ import annotations

import asyncio
import socket
import threading
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from guest_machine import Machine
from guest_vm import Vm

from vmpool.errors import GuestUnreachableError, HostKeyError
from vmpool.guest import cloud_init, link, tunnel, windows
from vmpool.guest.keys import new_host_key
from vmpool.guest.tunnel import Tunnel, TunnelState
from vmpool.guest.tunnels import open_tunnels

PATIENCE_SECONDS = 15.0
WAA, DESKTOP = windows.WAA_PORT, windows.VIEWER_PORT


@pytest.fixture
async def desktop_vm(docker_vm: Vm) -> Vm:
    """A VM whose Windows is up."""
    await docker_vm.ask(windows.create, docker_vm.settings, "dockurr/windows")
    await docker_vm.machine.pass_time(1300)
    return docker_vm


@pytest.fixture
async def opened(desktop_vm: Vm) -> AsyncIterator[Watched]:
    """A tunnel to both services of it."""
    made = Watched()
    made.tunnel = await asyncio.to_thread(
        Tunnel, desktop_vm.address(), WAA, DESKTOP, listener=made.hear
    )
    yield made
    await asyncio.to_thread(made.tunnel.close)


class Watched:
    """A tunnel and what it told."""

    tunnel: Tunnel

    def __init__(self) -> None:
        self.told: list[TunnelState] = []

    def hear(self, state: TunnelState, reason: str) -> None:
        """Remember."""
        assert "\n" not in reason
        self.told.append(state)

    async def until(self, *states: TunnelState) -> None:
        """Wait until exactly these were told."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while tuple(self.told) != states:
            assert time.monotonic() < deadline, self.told
            await asyncio.sleep(0.02)

    async def fetch(self, port: int, path: str = "/") -> bytes:
        """What a service says through the tunnel."""
        return await asyncio.to_thread(fetch, self.tunnel.local_ports[port], path)


def fetch(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return bytes(answer.read())


def read_all(client: socket.socket) -> None:
    """Read to the end."""
    with client:
        while client.recv(100_000):
            pass


def is_cut(client: socket.socket) -> bool:
    with client:
        try:
            return client.recv(1) == b""
        except ConnectionResetError:
            return True


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("tunnel to")]


async def test_one_connection_serves_several_ports(opened: Watched) -> None:
    assert b"operational" in await opened.fetch(WAA, "/probe")
    assert b"<title>Windows" in await opened.fetch(DESKTOP)


async def test_only_this_machine_can_use_it(opened: Watched) -> None:
    for port in opened.tunnel.local_ports.values():
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port), 5)


async def test_after_a_cut_the_same_port_works_again(opened: Watched, desktop_vm: Vm) -> None:
    await desktop_vm.machine.restart_server()
    await opened.until(TunnelState.DOWN, TunnelState.OPEN)
    assert b"operational" in await opened.fetch(WAA, "/probe")


async def test_after_a_restart_of_the_vm_the_same_port_works_again(
    opened: Watched, desktop_vm: Vm
) -> None:
    await desktop_vm.machine.power_off(is_orderly=True)
    await opened.until(TunnelState.DOWN)
    await desktop_vm.machine.boot()
    await opened.until(TunnelState.DOWN, TunnelState.OPEN)
    await desktop_vm.machine.must("sudo docker start winarena")
    await desktop_vm.machine.pass_time(1300)
    assert b"<title>Windows" in await opened.fetch(DESKTOP)


async def test_who_comes_while_it_is_down_is_served_when_it_is_back(
    opened: Watched, desktop_vm: Vm
) -> None:
    await desktop_vm.machine.host.close()
    await opened.until(TunnelState.DOWN)
    asked = asyncio.ensure_future(opened.fetch(WAA, "/probe"))
    await asyncio.sleep(0.2)
    assert not asked.done()
    await desktop_vm.machine.restart_server()
    assert b"operational" in await asked


async def test_who_comes_while_it_stays_down_is_cut(
    opened: Watched, desktop_vm: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "HOLD_WALL_SECONDS", 0.2)
    await desktop_vm.machine.power_off(is_orderly=False)
    await opened.until(TunnelState.DOWN)
    with pytest.raises(OSError, match="reset"):
        await opened.fetch(WAA, "/probe")


async def test_what_goes_through_a_cut_fails_and_does_not_just_end(
    opened: Watched, desktop_vm: Vm
) -> None:
    port = opened.tunnel.local_ports[DESKTOP]
    client = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port), 20)
    await asyncio.to_thread(client.sendall, b"GET / HTTP/1.1\r\n\r\n")
    assert await asyncio.to_thread(client.recv, 10) == b"HTTP/1.1 2"
    await desktop_vm.machine.power_off(is_orderly=False)
    with pytest.raises(ConnectionResetError):
        await asyncio.to_thread(read_all, client)


async def test_a_service_that_is_not_there_is_no_answer_and_harms_no_other(
    opened: Watched, desktop_vm: Vm
) -> None:
    await desktop_vm.machine.must("sudo docker rm -f winarena")
    with pytest.raises(OSError, match="reset"):
        await opened.fetch(WAA, "/probe")
    assert opened.tunnel.state is TunnelState.OPEN
    assert opened.told == []


async def test_a_frozen_connection_is_noticed(
    opened: Watched, desktop_vm: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "ANSWER_WALL_SECONDS", 0.3)
    monkeypatch.setattr(tunnel, "CHECK_WALL_SECONDS", 0.1)
    await desktop_vm.machine.restart_server()
    await opened.until(TunnelState.DOWN, TunnelState.OPEN)
    time.sleep(1.0)  # noqa: ASYNC251 # the guest lives in this loop: nobody answers meanwhile
    await opened.until(*(TunnelState.DOWN, TunnelState.OPEN) * 2)


async def test_another_machine_in_its_place_is_never_connected_to(
    opened: Watched, desktop_vm: Vm, tmp_path: Path
) -> None:
    old = desktop_vm.machine
    data = cloud_init.user_data(desktop_vm.settings, new_host_key()).encode()
    keys = old.spec.authorized_keys
    new = Machine(tmp_path / "new", address=old.spec.address, user_data=data, authorized_keys=keys)
    new.port = old.port
    new.host = new._host()
    await old.power_off(is_orderly=False)
    await new.boot()
    await opened.until(TunnelState.DOWN, TunnelState.REFUSED)
    with pytest.raises(OSError, match="refused"):
        await opened.fetch(WAA, "/probe")
    assert opened.tunnel.state is TunnelState.REFUSED
    await new.close()


async def test_a_first_connection_to_another_machine_is_refused(vm: Vm) -> None:
    with pytest.raises(HostKeyError, match="not our VM"):
        await asyncio.to_thread(Tunnel, vm.address(new_host_key().public_line), WAA)
    assert threads() == []


async def test_closed_it_leaves_no_thread_and_no_open_port(opened: Watched) -> None:
    ports = opened.tunnel.local_ports
    client = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", ports[DESKTOP]), 20)
    await opened.fetch(WAA, "/probe")
    assert threads()
    await asyncio.to_thread(opened.tunnel.close)
    assert (opened.tunnel.state, threads()) == (TunnelState.CLOSED, [])
    assert await asyncio.to_thread(is_cut, client)
    for port in ports.values():
        with pytest.raises(OSError, match="refused"):
            await asyncio.to_thread(fetch, port, "/")
    assert opened.told == []


async def test_closed_while_it_connects_again_it_does_not_wait_for_that(
    opened: Watched, desktop_vm: Vm
) -> None:
    desktop_vm.machine.allowed = False  # connections are accepted and held in silence
    await desktop_vm.machine.restart_server()
    await opened.until(TunnelState.DOWN)
    await asyncio.sleep(1.0)
    begun = time.monotonic()
    await asyncio.to_thread(opened.tunnel.close)
    assert time.monotonic() - begun < 2
    assert threads() == []


async def test_tunnels_to_many_are_found_by_worker_and_port(desktop_vm: Vm) -> None:
    stranger = desktop_vm.address(new_host_key().public_line)
    addresses = {"a": desktop_vm.address(), "b": desktop_vm.address(), "c": stranger}
    tunnels = await asyncio.to_thread(open_tunnels, addresses, [WAA, DESKTOP])
    assert {name: set(ports) for name, ports in tunnels.local.items()} == {
        "a": {WAA, DESKTOP},
        "b": {WAA, DESKTOP},
    }
    assert isinstance(tunnels.failures["c"], HostKeyError)
    local = {address for ports in tunnels.local.values() for address in ports.values()}
    assert len(local) == 4
    port = int(tunnels.local["b"][WAA].removeprefix("127.0.0.1:"))
    assert b"operational" in await asyncio.to_thread(fetch, port, "/probe")
    await asyncio.to_thread(tunnels.close)
    assert threads() == []


async def test_a_vm_without_power_is_unreachable(vm: Vm) -> None:
    await vm.machine.power_off(is_orderly=True)
    tunnels = await asyncio.to_thread(open_tunnels, {"a": vm.address()}, [WAA])
    assert isinstance(tunnels.failures["a"], GuestUnreachableError)
    assert tunnels.local == {}
