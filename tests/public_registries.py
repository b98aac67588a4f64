"""The hub for guests without a cloud: the local Azure's own, served over HTTP by a thread."""

from __future__ import annotations

import functools
import socket
import threading

import uvicorn

from local_azure.hub.shelf import Shelf
from local_azure.hub.web import PREFIX, make_app


class Settings(dict[str, str]):
    """Where the hub's revisions are kept: in memory."""

    def meta(self, key: str, default: str = "") -> str:
        return self.get(key, default)

    def set_meta(self, key: str, value: str) -> None:
        self[key] = value

    def commit(self) -> None:
        """Nothing outlives the tests."""


class PublicRegistries:
    """One hub: `mirror` is its URL, `shelf` its images."""

    def __init__(self) -> None:
        self.shelf = Shelf(Settings())
        listener = socket.create_server(("127.0.0.1", 0))
        self.mirror = f"http://127.0.0.1:{listener.getsockname()[1]}{PREFIX}"
        config = uvicorn.Config(make_app(self.shelf), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        threading.Thread(target=server.run, args=([listener],), daemon=True).start()


@functools.cache
def public_registries() -> PublicRegistries:
    """The hub of this test process."""
    return PublicRegistries()
