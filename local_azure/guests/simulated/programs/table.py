"""The table of programs of a simulated Ubuntu host."""

from __future__ import annotations

from collections.abc import Mapping

from local_azure.guests.simulated.docker import cli
from local_azure.guests.simulated.programs import (
    archiving,
    cloud,
    control,
    fetching,
    files,
    finding,
    folders,
    identity,
    packages,
    power,
    searching,
    signals,
    upkeep,
)
from local_azure.guests.simulated.running import Program

PROGRAMS: Mapping[str, Program] = {
    **archiving.PROGRAMS,
    **control.PROGRAMS,
    **files.PROGRAMS,
    **folders.PROGRAMS,
    **identity.PROGRAMS,
    **packages.PROGRAMS,
    **cloud.PROGRAMS,
    **power.PROGRAMS,
    **fetching.PROGRAMS,
    **finding.PROGRAMS,
    **searching.PROGRAMS,
    **signals.PROGRAMS,
    **upkeep.PROGRAMS,
    "docker": cli.docker,
}
