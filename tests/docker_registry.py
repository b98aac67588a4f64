"""Debian's `docker-registry` on a loopback port: a real registry, with one account, for guests."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

USER, PASSWORD = "pool", "sesame-7f3a"
ACCOUNT = f"{USER}:$2b$04$PrTpPk6Q4oFD.SXR5hq.IuOSzahTgWHjBd.nav6hE8/36/jiRoPJW\n"
"""bcrypt of the password."""
START_WALL_SECONDS = 20.0
PROGRAM = shutil.which("docker-registry")


class DockerRegistry:
    """The process, its address and its storage.

    Args:
        folder: where it keeps everything.
    """

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.host = f"127.0.0.1:{port}"
        self._storage = folder / "registry"
        accounts = folder / "accounts"
        accounts.write_text(ACCOUNT)
        config = {
            "version": "0.1",
            "log": {"accesslog": {"disabled": True}, "level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self._storage)}},
            "http": {"addr": self.host},
            "auth": {"htpasswd": {"realm": "tests", "path": str(accounts)}},
        }
        file = folder / "config.yml"
        file.write_text(json.dumps(config))
        self._process = subprocess.Popen(
            [str(PROGRAM), "serve", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait(port)

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + START_WALL_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except OSError:
                assert self._process.poll() is None, "docker-registry has ended"
                time.sleep(0.02)
            else:
                return
        raise AssertionError("docker-registry does not listen")

    def blob(self, digest: str) -> Path:
        """The file of a blob."""
        name = digest.removeprefix("sha256:")
        folder = self._storage / "docker" / "registry" / "v2" / "blobs" / "sha256"
        return folder / name[:2] / name / "data"

    def blobs(self) -> set[str]:
        """Digests of everything it holds."""
        return {f"sha256:{file.parent.name}" for file in self._storage.rglob("data")}

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)
