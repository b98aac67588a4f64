"""A container's files: its volumes, and beside them a file system of its own.

The latter lies in Docker's data-root, as overlay2's upper folders do: it is kept when the container
stops, is on the disk that the data-root is on, and goes with the container. It begins with the
usual folders and the files of the image (empty, but for those of WAA's client).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from local_azure.guests.simulated.docker import lifecycle, windows
from local_azure.guests.simulated.docker.model import Container
from local_azure.guests.simulated.files import is_under, normalise
from local_azure.guests.simulated.waa import layout

if TYPE_CHECKING:
    from local_azure.guests.simulated.docker.daemon import Daemon

FOLDERS = (
    "bin", "dev", "etc", "home", "mnt", "opt", "root", "run/shm", "srv", "tmp", "usr/bin",
    "usr/local/bin", "var/lib", "var/log", "var/tmp",
)  # fmt: skip


class ContainerFiles:
    """Paths as a container sees them.

    Args:
        daemon: the engine.
        container: the container.
    """

    def __init__(self, daemon: Daemon, container: Container) -> None:
        self._daemon = daemon
        self._mounts = [tuple(mount) for mount in container.options["mounts"]]
        self._mounts.append((_root(daemon, container.id), "/"))
        if container.windows:
            storage = lifecycle.storage_path(daemon, container)
            self._mounts.append((storage, windows.STORAGE))
        _lay_out(daemon, container)

    def guest(self, path: str) -> str:
        """The VM's path of a container path."""
        clean = normalise(path)
        fitting = [mount for mount in self._mounts if is_under(clean, mount[1])]
        source, target = max(fitting, key=lambda mount: len(mount[1]))
        return normalise(f"{source}/{clean.removeprefix(target)}")

    def host(self, path: str) -> Path:
        """The host's path of a container path; see `guest`."""
        return self._daemon.host(self.guest(path))


def has_client(daemon: Daemon, container: Container) -> bool:
    """Whether its image has WAA's client."""
    image = daemon.engine.images.get(container.image_id)
    return image is not None and layout.PROGRAM in image.files


def sweep(daemon: Daemon) -> None:
    """Remove the files of containers that are no more."""
    folder = daemon.host(f"{daemon.root}/overlay2")
    if folder.is_dir():
        for entry in folder.iterdir():
            if entry.name not in daemon.engine.containers:
                shutil.rmtree(entry, ignore_errors=True)


def _root(daemon: Daemon, container_id: str) -> str:
    return f"{daemon.root}/overlay2/{container_id}/diff"


def _lay_out(daemon: Daemon, container: Container) -> None:
    """Make its file system unless it is there."""
    root = daemon.host(_root(daemon, container.id))
    if root.is_dir():
        return
    for name in (*FOLDERS, *(str(target).lstrip("/") for _, target in container.options["mounts"])):
        (root / name).mkdir(parents=True, exist_ok=True)
    image = daemon.engine.images.get(container.image_id)
    client = layout.files() if has_client(daemon, container) else {}
    for path, data in {**dict.fromkeys(image.files if image else [], b""), **client}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
