"""Trouble inside a guest, on demand.

A fault is a word or an object `{"kind": ..., "seconds": ...}`; without `seconds` it lasts until it
is injected again with `"off": true` or until the VM's next power-on. Kinds:

- `ssh-refused`: nothing listens on the SSH port; open connections stay.
- `ssh-cut`: every open SSH connection is cut, once.
- `disk-full`: nothing can be written to the OS disk.
- `windows-frozen`: Windows neither answers nor obeys the power button.
- `host-restart`: power is lost and comes back; containers die as they are, once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

SSH_REFUSED, SSH_CUT, DISK_FULL = "ssh-refused", "ssh-cut", "disk-full"
WINDOWS_FROZEN, HOST_RESTART = "windows-frozen", "host-restart"
LASTING = {SSH_REFUSED, DISK_FULL, WINDOWS_FROZEN}
ONCE = {SSH_CUT, HOST_RESTART}


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: see above.
        seconds: how long it lasts on the cloud's clock.
        is_off: take it away instead.
    """

    kind: str
    seconds: float = math.inf
    is_off: bool = False


def read_fault(value: Any) -> Fault:
    """A fault from a word or an object.

    Raises:
        ValueError: unknown kind, or `seconds` is no positive number.
    """
    document = {"kind": value} if isinstance(value, str) else value
    if not isinstance(document, dict):
        raise ValueError("a guest's fault is a word or an object with `kind`")  # noqa: TRY004 # one class for callers
    kind = str(document.get("kind", "")).replace("_", "-")
    if kind not in LASTING | ONCE:
        raise ValueError(f"kind is one of {', '.join(sorted(LASTING | ONCE))}")
    seconds = float(document.get("seconds", math.inf))
    if not seconds > 0:
        raise ValueError("seconds is a positive number")
    return Fault(kind, seconds, bool(document.get("off", False)))


class Faults:
    """The lasting faults of one guest."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def set(self, fault: Fault, now: float) -> None:
        """Begin or end a lasting fault."""
        self._until[fault.kind] = now if fault.is_off else now + fault.seconds

    def is_on(self, kind: str, now: float) -> bool:
        """Whether a fault lasts at `now`."""
        return now < self._until.get(kind, -math.inf)

    def clear(self) -> None:
        """End them all."""
        self._until.clear()
