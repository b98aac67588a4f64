"""A webhook on a loopback port that keeps what is posted to it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PATIENCE_SECONDS = 30.0


class Webhook:
    """A listener; a context manager, which ends it."""

    def __init__(self) -> None:
        posted: list[Any] = []

        class Handler(BaseHTTPRequestHandler):
            """Keeps the body of every POST."""

            def do_POST(self) -> None:
                """Take one."""
                body = self.rfile.read(int(self.headers["content-length"]))
                posted.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.posted = posted
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    async def about(self, pool: str, count: int = 1) -> list[dict[str, str]]:
        """The messages about a pool, once there are that many."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found := [item for item in self.posted if pool in item["subject"]]) < count:
            assert time.monotonic() < deadline, f"{len(found)} messages, not {count}"
            await asyncio.sleep(0.05)
        return found
