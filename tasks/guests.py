"""Phases inside a VM, over SSH: Docker, image, container, Windows. Each looks before it acts."""

from __future__ import annotations

import httpx

from tasks.phase import ON_DISK, phase_task
from tasks.session import Session, current
from vmpool.context import docker_image_name
from vmpool.errors import GuestUnreachableError, PermanentError, TransientError
from vmpool.guest import cloud_init, docker, windows
from vmpool.guest.tunnel import Tunnel
from vmpool.model import Phase, WindowsState

SSH_SECONDS = 600.0
"""Cloud seconds for sshd to answer after create or start; a set-up by hand saw 1-2 minutes."""
DOCKER_SECONDS = 900.0
"""Cloud seconds for cloud-init to install Docker; part of the 5-10 minutes of a set-up by hand."""
IMAGE_SECONDS = 2400.0
"""Cloud seconds for one pull or build: images have 10-30 GB."""
COMMAND_SECONDS = 120.0
"""Cloud seconds for a command that only asks or starts something."""
WINDOWS_OFF_SECONDS = 180.0
"""Cloud seconds for Windows to power off; dockur itself allows 105."""


@phase_task(Phase.WAIT_FOR_SSH)
async def wait_for_ssh(worker: str) -> None:
    """Wait until sshd answers with the recorded host key and lets us in.

    Args:
        worker: worker name.

    Raises:
        HostKeyError: another key answered: this is not our machine.
        PhaseTimeoutError: nobody answered in time.
    """
    session = current()

    async def check() -> bool | None:
        await session.call(session.shell(worker).run, ["true"], timeout_seconds=10.0)
        return True

    await session.until(check, every_seconds=5, within_seconds=SSH_SECONDS, what=f"SSH of {worker}")


@phase_task(Phase.PREPARE_DOCKER, cache=ON_DISK)
async def prepare_docker(worker: str) -> None:
    """Wait until cloud-init has installed Docker and the engine answers.

    Args:
        worker: worker name.

    Raises:
        PermanentError: cloud-init failed; the message is its own.
    """
    session, shell = current(), current().shell(worker)
    limit = session.wall_limit(COMMAND_SECONDS)
    if await session.call(docker.is_ready, shell, limit):
        session.recorder.note(worker, Phase.PREPARE_DOCKER, "was there")
        return

    async def check() -> bool | None:
        status = await session.call(cloud_init.status, shell, limit)
        if status.is_failed:
            raise PermanentError(f"{worker}: cloud-init failed: {status.detail}")
        is_ready = status.is_done and await session.call(docker.is_ready, shell, limit)
        return True if is_ready else None

    await session.until(
        check, every_seconds=10, within_seconds=DOCKER_SECONDS, what=f"Docker on {worker}"
    )


def built_image(session: Session) -> str:
    """Name of the image that this session's settings build."""
    return docker_image_name(session.settings)


@phase_task(Phase.START_WAA)
async def start_waa(worker: str) -> None:
    """Have the container of the wanted image running.

    A container of another image gives way: its Windows is powered off in order first, and goes on
    in the new one.

    Args:
        worker: worker name.
    """
    session, shell = current(), current().shell(worker)
    image, limit = built_image(session), session.wall_limit(COMMAND_SECONDS)
    wanted = await session.call(docker.image_id, shell, image, limit)
    found = await session.call(windows.container, shell, limit)
    did = "was running"
    if found and found.image_id != wanted:
        await power_off_windows(worker)
        await session.call(windows.remove, shell, limit)
        found, did = None, "image was changed"
    if found is None:
        await session.call(windows.create, shell, session.settings, image, limit)
        did = f"{did}, container made" if did != "was running" else "container made"
    elif not found.is_running:
        await session.call(windows.start, shell, limit)
        did = "container started"
    session.recorder.note(worker, Phase.START_WAA, did)


@phase_task(Phase.WAIT_FOR_WAA)
async def wait_for_waa(worker: str) -> None:
    """Wait until the WAA server inside Windows answers `/probe`.

    Args:
        worker: worker name.

    Raises:
        PermanentError: the container ended; the message is its last line.
        PhaseTimeoutError: Windows did not come up in time.
    """
    session, shell = current(), current().shell(worker)
    limit = session.wall_limit(COMMAND_SECONDS)

    async def check() -> bool | None:
        if await session.call(windows.probe, shell, limit):
            return True
        ended = await session.call(windows.why_ended, shell, limit)
        if ended:
            raise PermanentError(f"{worker}: the Windows container ended: {ended}")
        return None

    await session.until(
        check,
        every_seconds=10,
        within_seconds=session.settings.waa_ready_seconds,
        what=f"WAA on {worker}",
    )


@phase_task(Phase.OPEN_TUNNEL)
async def open_tunnel(worker: str) -> str:
    """Open a tunnel to the WAA server and ask through it once; open until the operation ends.

    Args:
        worker: worker name.

    Returns:
        The local address, `http://127.0.0.1:PORT`.
    """
    session = current()
    tunnel = await session.call(Tunnel, session.addresses[worker], windows.WAA_PORT)
    session.keep_tunnel(worker, tunnel)
    address = f"http://127.0.0.1:{tunnel.local_port}"
    try:
        async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
            answer = await client.get(f"{address}/probe")
    except httpx.HTTPError as error:
        raise GuestUnreachableError(f"{worker}: no answer through the tunnel: {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise TransientError(f"{worker}: /probe answered {answer.status_code} through the tunnel")
    return address


@phase_task(Phase.POWER_OFF_WINDOWS, retry_delays=(1.0, 2.0, 5.0))
async def power_off_windows(worker: str) -> WindowsState:
    """Power Windows off in order and check dockur's marker: without it the next start reinstalls.

    Tried again for seconds only: the VM is billed while it waits to be deallocated.

    Args:
        worker: worker name.

    Returns:
        OFF with a marker, DIRTY without, ABSENT when no Windows was ever installed.
    """
    session, shell = current(), current().shell(worker)
    limit = session.wall_limit(COMMAND_SECONDS)
    storage = session.settings.storage_path
    if await session.call(windows.press_power_button, shell, limit):

        async def check() -> bool | None:
            return True if await session.call(windows.is_off, shell, limit) else None

        await session.until(
            check, every_seconds=5, within_seconds=WINDOWS_OFF_SECONDS, what="power off of Windows"
        )
    state = await session.call(windows.storage, shell, storage, limit)
    if not state.has_disk:
        return WindowsState.ABSENT
    return WindowsState.OFF if state.has_marker else WindowsState.DIRTY
