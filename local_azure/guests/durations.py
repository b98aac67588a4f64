"""How long guests take, in cloud seconds; read from `[guest]` of a profile.

A field that a profile leaves out is an error: a guest never runs on a figure nobody chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

PULL_BYTES = 11 << 30
"""What `docker_pull` is the time of: the size of WAA's image."""


@dataclass(frozen=True)
class GuestDurations:
    """Durations inside a guest, all in cloud seconds.

    Attributes:
        cloud_init: first boot with packages to install, from power on.
        docker_pull: download of `PULL_BYTES` of layers; more or less takes in proportion.
        docker_pull_known: what every pull takes beside, even if all layers are there.
        docker_build: build of an image, no step cached.
        docker_build_known: build with every step cached.
        container_start: from `docker run` to QEMU's start.
        windows_first_boot: from QEMU's start to WAA's answer, Windows being installed.
        windows_warm_boot: the same with an installed Windows.
        windows_power_off: from the power button to QEMU's end.
        eval_task: one task of WAA's client, on average.
    """

    cloud_init: float
    docker_pull: float
    docker_pull_known: float
    docker_build: float
    docker_build_known: float
    container_start: float
    windows_first_boot: float
    windows_warm_boot: float
    windows_power_off: float
    eval_task: float

    def transfer(self, size_bytes: int) -> float:
        """How long a pull or push of so many bytes of layers takes."""
        return self.docker_pull_known + self.docker_pull * size_bytes / PULL_BYTES

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """The durations of a profile's `[guest]` table.

        Raises:
            ValueError: a field is missing, unknown, or not a number of seconds.
        """
        names = {field.name for field in fields(cls)}
        if wrong := names ^ set(table):
            raise ValueError(f"[guest] of the profile: missing or unknown {sorted(wrong)}")
        seconds = {name: float(table[name]) for name in names}
        if any(value < 0 for value in seconds.values()):
            raise ValueError("[guest] of the profile: a duration is negative")
        return cls(**seconds)
