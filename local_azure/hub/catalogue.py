"""The public repositories that the hub has: what this project needs, with their real sizes.

Refuses to make content: it says what there is, `images` makes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from local_azure.oci.references import HUB

MIB, GIB = 1 << 20, 1 << 30
TAG = re.compile(r"latest|stable|slim|v?\d[\w.-]*|[a-z]+-slim|noble|jammy|bookworm|trixie|lts")
"""Tags that a repository has."""
ENTRY = "run/entry.sh"
"""dockur's entry point: the file that makes an image one that runs Windows."""
CLIENT = "client/run.py"
"""Windows Agent Arena's client."""
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Known:
    """A repository: size of its images, number of layers, what they run."""

    size_bytes: int
    layers: int
    is_windows: bool = False
    has_client: bool = False

    def config(self) -> dict[str, Any]:
        """The configuration of its images."""
        config: dict[str, Any] = {
            "Env": [PATH],
            "Cmd": None,
            "Entrypoint": None,
            "Labels": None,
            "ExposedPorts": None,
            "WorkingDir": "",
        }
        if self.is_windows:
            config["Entrypoint"] = ["/usr/bin/tini", "-s", f"/{ENTRY}"]
            config["ExposedPorts"] = {"3389/tcp": {}, "8006/tcp": {}}
            config["Env"] += ["VERSION=11", "RAM_SIZE=4G", "CPU_CORES=2", "DISK_SIZE=64G"]
        return config


CATALOGUE = {
    f"{HUB}/dockurr/windows": Known(620 * MIB, 9, is_windows=True),
    f"{HUB}/windowsarena/winarena": Known(11 * GIB, 24, is_windows=True, has_client=True),
    f"{HUB}/windowsarena/winarena-base": Known(9 * GIB, 20, is_windows=True),
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
"""Registry hosts that exist."""
