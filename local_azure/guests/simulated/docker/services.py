"""TCP services that containers publish on a guest's loopback: which are there, how they behave.

Only Windows containers serve anything: WAA's server once Windows is up, dockur's viewer as long as
QEMU runs. A published port without a listener behind it accepts and closes, as Docker's proxy does.
"""

from __future__ import annotations

from dataclasses import dataclass

from local_azure.guests.simulated.docker.model import Container
from local_azure.guests.simulated.web import VIEWER_PORT, WAA_PORT

LOOPBACK = ("", "0.0.0.0", "127.0.0.1", "::")  # noqa: S104 # what clients may write after -p


@dataclass(frozen=True)
class Service:
    """A published port.

    Attributes:
        container_id: whose.
        container_port: port inside.
    """

    container_id: str
    container_port: int


def publishes(container: Container, port: int) -> Service | None:
    """The service of a running container on a port of the guest's loopback."""
    if not container.is_running:
        return None
    if container.options["network"] == "host":
        return Service(container.id, port) if port in (WAA_PORT, VIEWER_PORT) else None
    for host_ip, host_port, inner in container.options["ports"]:
        if host_port == port and host_ip in LOOPBACK:
            return Service(container.id, inner)
    return None


def state_of(container: Container | None, port: int, now: float, *, is_frozen: bool) -> str:
    """How a service behaves at `now`: `up`, `closed`, or `frozen` (accepts and says nothing)."""
    run = container.windows if container and container.is_running else None
    if run is None or now < run.started_at:
        return "closed"
    if port == VIEWER_PORT:
        return "up"
    if port != WAA_PORT or now < run.booted_at or run.powered_down_at is not None:
        return "closed"
    return "frozen" if is_frozen else "up"
