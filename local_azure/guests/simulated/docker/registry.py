"""The registries that a simulated guest can pull from: a catalogue of what this project needs.

Deterministic: the same reference always has the same digest, layers and size. Unknown hosts do not
resolve, unknown repositories are denied, unknown tags have no manifest, in Docker's own words.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from local_azure.guests.simulated.docker.references import HUB, Reference
from local_azure.guests.simulated.running import ProgramError

MIB, GIB = 1 << 20, 1 << 30
TAG = re.compile(r"latest|stable|slim|v?\d[\w.-]*|[a-z]+-slim|noble|jammy|bookworm|trixie|lts")
PRIVATE = ".azurecr.io"
WINDOWS_NAMES = frozenset(
    f"{HUB}/{name}"
    for name in (
        "dockurr/windows",
        "windowsarena/winarena",
        "windowsarena/winarena-base",
        "windowsarena/windows-local",
    )
)


@dataclass(frozen=True)
class Known:
    """A repository of the catalogue: its size and number of layers."""

    size_bytes: int
    layers: int
    is_large: bool = False


CATALOGUE = {
    f"{HUB}/dockurr/windows": Known(620 * MIB, 9, is_large=True),
    f"{HUB}/windowsarena/winarena": Known(11 * GIB, 24, is_large=True),
    f"{HUB}/windowsarena/winarena-base": Known(9 * GIB, 20, is_large=True),
    f"{HUB}/library/hello-world": Known(13_300, 1),
    f"{HUB}/library/ubuntu": Known(78 * MIB, 1),
    f"{HUB}/library/debian": Known(117 * MIB, 1),
    f"{HUB}/library/alpine": Known(8 * MIB, 1),
    f"{HUB}/library/busybox": Known(4 * MIB, 1),
    f"{HUB}/library/python": Known(1 * GIB, 7),
    f"{HUB}/library/nginx": Known(192 * MIB, 7),
    f"{HUB}/library/registry": Known(58 * MIB, 5),
    "mcr.microsoft.com/azure-cli": Known(700 * MIB, 8),
}
HOSTS = {name.partition("/")[0] for name in CATALOGUE} | {"ghcr.io", "quay.io"}
SMALL_SHARE = 0.05
"""Share of `docker_pull` that a small image takes."""


@dataclass(frozen=True)
class Remote:
    """An image in a registry.

    Attributes:
        id: image id.
        digest: manifest digest.
        layers: layer digests.
        size_bytes: size on the disk.
        share: of the profile's `docker_pull`.
        config: as in `model.Image`.
    """

    id: str
    digest: str
    layers: list[str]
    size_bytes: int
    share: float
    config: dict[str, Any]


def digest_of(*parts: str) -> str:
    """A digest that stands for content."""
    return "sha256:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()


def look_up(reference: Reference, *, is_logged_in: bool) -> Remote:
    """Find an image.

    Raises:
        ProgramError: in Docker's words: no such host, denied, or no such manifest.
    """
    known = CATALOGUE.get(reference.name)
    if reference.registry.endswith(PRIVATE):
        _refuse_private(reference, is_logged_in=is_logged_in)
    if reference.registry not in HOSTS:
        raise ProgramError(
            f'Error response from daemon: Get "https://{reference.registry}/v2/": dial tcp:'
            f" lookup {reference.registry} on 127.0.0.53:53: no such host"
        )
    if known is None:
        raise ProgramError(
            f"Error response from daemon: pull access denied for {reference.familiar}, repository"
            " does not exist or may require 'docker login': denied: requested access to the"
            " resource is denied"
        )
    digest = reference.digest or digest_of("manifest", reference.full)
    if not reference.digest and not TAG.fullmatch(reference.tag):
        raise _no_manifest(reference)
    return Remote(
        id=digest_of("config", digest),
        digest=digest,
        layers=[digest_of("layer", digest, str(number)) for number in range(known.layers)],
        size_bytes=known.size_bytes,
        share=1.0 if known.is_large else SMALL_SHARE,
        config=_config(reference),
    )


def _refuse_private(reference: Reference, *, is_logged_in: bool) -> None:
    if not is_logged_in:
        raise ProgramError(
            f"Error response from daemon: Head"
            f' "https://{reference.registry}/v2/{reference.repository}/manifests/{reference.tag}":'
            " unauthorized: authentication required"
        )
    raise _no_manifest(reference)


def _no_manifest(reference: Reference) -> ProgramError:
    return ProgramError(
        f"Error response from daemon: manifest for {reference.familiar}:{reference.tag} not found:"
        " manifest unknown: manifest unknown"
    )


def _config(reference: Reference) -> dict[str, Any]:
    config: dict[str, Any] = {
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "Cmd": None,
        "Entrypoint": None,
        "Labels": None,
        "ExposedPorts": None,
        "WorkingDir": "",
    }
    if reference.name in WINDOWS_NAMES:
        config["Entrypoint"] = ["/usr/bin/tini", "-s", "/run/entry.sh"]
        config["ExposedPorts"] = {"3389/tcp": {}, "8006/tcp": {}}
        config["Env"] += ["VERSION=11", "RAM_SIZE=4G", "CPU_CORES=2", "DISK_SIZE=64G"]
    return config
