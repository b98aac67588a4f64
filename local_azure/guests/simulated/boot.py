"""One boot of a guest, kept on its OS disk: which power-on it belongs to, when it began.

The record tells a restarted server that a boot goes on, and a captured disk that it is somewhere
else now (another `vm_id`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from local_azure.guests.simulated.durable import load_json, save_json
from local_azure.guests.simulated.files import GuestFiles

RECORD = "/var/lib/simulated-guest/boot.json"


@dataclass
class Boot:
    """A boot; times are cloud times in seconds since the epoch.

    Attributes:
        vm_id: whose.
        power_on_at: the power-on that it belongs to; a reboot from inside keeps it.
        booted_at: when the kernel started.
        ssh_open_at: when sshd listens.
        off_at: when power went, or None while it is there.
        stopped: services that were stopped by hand.
    """

    vm_id: str
    power_on_at: float
    booted_at: float
    ssh_open_at: float
    off_at: float | None = None
    stopped: tuple[str, ...] = ()

    def goes_on(self, vm_id: str, power_on_at: float) -> bool:
        """Whether a power-on is this boot, seen again after a restart of the server."""
        return self.vm_id == vm_id and self.power_on_at == power_on_at and self.off_at is None


def load_boot(files: GuestFiles) -> Boot | None:
    """The last boot of a disk, or None for a fresh disk."""
    kept = load_json(files.host(RECORD), None)
    return None if kept is None else Boot(**{**kept, "stopped": tuple(kept["stopped"])})


def save_boot(files: GuestFiles, boot: Boot) -> None:
    """Keep a boot."""
    save_json(files.host(RECORD), asdict(boot))
