"""The life of a container over time: start, natural end, stop, kill, restart policies.

Pure bookkeeping on cloud times; waiting is the caller's. dockur's rules are in `windows`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from local_azure.guests.simulated import system
from local_azure.guests.simulated.docker import windows
from local_azure.guests.simulated.docker.model import EXITED, RUNNING, Container, Windows
from local_azure.guests.simulated.running import ProgramError

if TYPE_CHECKING:
    from local_azure.guests.simulated.docker.daemon import Daemon

DEFAULT_STOP_SECONDS = 10.0
KILLED, TERMINATED = 137, 143
QUICK = {"true": 0, "false": 1, "echo": 0, "hello": 0}
"""Commands that end at once, and their exit codes."""
KVM = "/dev/kvm"
DAEMON = "Error response from daemon: "


def start(daemon: Daemon, container: Container, now: float) -> None:
    """Begin a run of a container.

    Raises:
        ProgramError: in Docker's words: port taken, or device missing.
    """
    _check_ports(daemon, container)
    _check_devices(daemon, container)
    container.status, container.started_at = RUNNING, now
    container.exit_code, container.finished_at, container.error = 0, 0.0, ""
    container.is_stopped_by_hand, container.windows = False, None
    image = daemon.engine.images.get(container.image_id)
    if image and windows.is_windows(image):
        _start_windows(daemon, container, now)


def start_again(daemon: Daemon, container: Container, now: float) -> None:
    """Restart by policy: what cannot start stays as it is, with the reason."""
    try:
        start(daemon, container, now)
        container.restarts += 1
    except ProgramError as error:
        container.error = str(error)


def starts_with_engine(container: Container) -> bool:
    """Whether its policy starts a container when the engine starts."""
    policy = container.options["restart"].partition(":")[0]
    if container.status != EXITED:
        return False
    if policy == "on-failure":
        return container.exit_code != 0 and not container.is_stopped_by_hand
    return policy == "always" or (policy == "unless-stopped" and not container.is_stopped_by_hand)


def natural_end(container: Container) -> tuple[float, int]:
    """When a run ends by itself (`inf`: never) and with which exit code."""
    if container.windows:
        ends = container.windows.ends_at
        return (math.inf if ends is None else ends), 0
    words = container.argv
    if container.image in ("hello-world", "hello-world:latest"):
        return container.started_at, 0
    if words[:1] == ["sleep"] and len(words) == 2:  # noqa: PLR2004 # sleep SECONDS
        try:
            return container.started_at + float(words[1]), 0
        except ValueError:
            return (math.inf, 0) if words[1] == "infinity" else (container.started_at, 1)
    if words and words[0] in QUICK:
        return container.started_at, QUICK[words[0]]
    return math.inf, 0


def settle(daemon: Daemon, container: Container, now: float) -> bool:
    """Let a run have ended by itself if that was due; whether anything changed."""
    at, code = natural_end(container)
    if at > now:
        return False
    if container.windows:
        windows.finish(_storage(daemon, container), container.windows)
    end(container, at, code)
    if container.options["auto_remove"]:
        del daemon.engine.containers[container.id]
    elif _restarts_after(container):
        start_again(daemon, container, at if container.windows else now)
    return True


def stop_now(daemon: Daemon, container: Container, now: float, timeout: float) -> None:
    """What SIGTERM and, after `timeout`, SIGKILL leave behind, without waiting."""
    at, code = natural_end(container)
    if container.windows and at <= now + timeout:
        windows.finish(_storage(daemon, container), container.windows)
        end(container, min(at, now), code)
    else:
        end(container, now, KILLED if container.windows else TERMINATED)


def stop_timeout(container: Container) -> float:
    """Seconds between SIGTERM and SIGKILL."""
    wanted = container.options["stop_timeout"]
    return DEFAULT_STOP_SECONDS if wanted is None else float(wanted)


def end(container: Container, at: float, code: int) -> None:
    """Record the end of a run; its output is kept."""
    container.log += windows.logs(container, at)
    container.status, container.finished_at, container.exit_code = EXITED, at, code
    container.windows = None


def press_power_button(daemon: Daemon, container: Container, now: float) -> None:
    """ACPI power button of the Windows machine; a second press changes nothing."""
    run = container.windows
    if run and run.powered_down_at is None:
        run.powered_down_at = now
        run.ends_at = now + daemon.guest.durations.windows_power_off
        daemon.save()


def quit_qemu(daemon: Daemon, container: Container, now: float) -> None:
    """The monitor's `quit`: QEMU ends at once, Windows notices nothing."""
    run = container.windows
    if run:
        run.powered_down_at, run.ends_at = now, now
        daemon.save()
        daemon.settle(now)


def _restarts_after(container: Container) -> bool:
    policy = container.options["restart"].partition(":")[0]
    if container.is_stopped_by_hand:
        return False
    return policy in ("always", "unless-stopped") or (
        policy == "on-failure" and container.exit_code != 0
    )


def _start_windows(daemon: Daemon, container: Container, now: float) -> None:
    environment: dict[str, str] = container.options["environment"]
    has_kvm = KVM in container.options["devices"] or container.options["privileged"]
    is_slow = environment.get("KVM", "Y").upper().startswith("N")
    if not has_kvm and not is_slow:
        container.error = (
            f"{windows.ARROW} ERROR: KVM acceleration is not available (device file missing), this"
            " will cause a major loss of performance."
        )
        end(container, now, windows.NO_KVM)
        return
    version = environment.get("VERSION", windows.DEFAULT_VERSION)
    is_first = windows.prepare(_storage(daemon, container), version, container.name)
    durations = daemon.guest.durations
    length = durations.windows_first_boot if is_first else durations.windows_warm_boot
    started = now + durations.container_start
    booted = started + length * (windows.WITHOUT_KVM if is_slow and not has_kvm else 1.0)
    container.windows = Windows(started_at=started, booted_at=booted, is_first=is_first)


def _storage(daemon: Daemon, container: Container) -> Path:
    return daemon.host(storage_path(daemon, container))


def storage_path(daemon: Daemon, container: Container) -> str:
    """The guest path of a container's `/storage`; an anonymous volume when none was given."""
    for source, target in container.options["mounts"]:
        if target.rstrip("/") == windows.STORAGE:
            return str(source)
    return f"{daemon.root}/volumes/{container.id}/_data"


def _check_ports(daemon: Daemon, container: Container) -> None:
    taken = {
        port: other.name
        for other in daemon.engine.containers.values()
        if other.is_running and other is not container
        for _, port, _ in other.options["ports"]
    }
    for host_ip, port, _ in container.options["ports"]:
        if port in taken:
            raise ProgramError(
                f"{DAEMON}failed to set up container networking: driver failed programming external"
                f" connectivity on endpoint {container.name}: Bind for"
                f" {host_ip or '0.0.0.0'}:{port} failed: port is already allocated",  # noqa: S104 # Docker's words
                125,
            )


def _check_devices(daemon: Daemon, container: Container) -> None:
    for device in container.options["devices"]:
        if device == "/dev/net/tun":
            continue
        if device != KVM or not daemon.host(system.KVM).exists():
            raise ProgramError(
                f"{DAEMON}error gathering device information while adding custom device"
                f' "{device}": no such file or directory',
                127,
            )
