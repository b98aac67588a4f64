"""HTTP from simulated guests to registries: the public ones by their mirror, others on loopback.

One client for all guests of a host: a connection once made serves them all, guests that want the
same blob at the same time share one download, and public blobs, which cannot change, are kept. A
pool of 64 that starts together would else spend seconds on thousands of equal requests. Refuses
every other place: a simulated guest has no way out to any network.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

LOOPBACK = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3})(?::\d+)?")
PLACE = re.compile(r"https?://(?P<host>[^/?#@]+)(?:[/?]|$)")
PATIENCE_WALL_SECONDS = 60.0
KEEP_WALL_SECONDS = 60.0
"""How long an idle connection is kept: less than the server keeps it."""
REQUESTS = 8
"""At once, by all guests; more only wait for each other inside the client."""
OK = 200


class TransportError(Exception):
    """A registry could not be asked; the message is what Go says of it."""


class Transport:
    """The way from guests to registries.

    Args:
        mirror: URL under which public registries are found by their host names.
        ca_file: authority that signs for what is on loopback; None: nobody does.
    """

    def __init__(self, mirror: str, ca_file: Path | None) -> None:
        self._mirror, self._ca_file = mirror, ca_file
        self._client: httpx.AsyncClient | None = None
        self._warming: asyncio.Task[object] | None = None
        self._turns = asyncio.Semaphore(REQUESTS)
        self._blobs: dict[str, asyncio.Task[httpx.Response]] = {}

    def warm_up(self) -> None:
        """Load the client beside other work: its 0.2 s shall not stop every guest at a pull."""
        if self._warming is None:
            loading = asyncio.to_thread(importlib.import_module, "httpx")
            self._warming = asyncio.ensure_future(loading)

    def places(self, registry: str) -> list[str]:
        """URLs that may stand for `https://REGISTRY`, in the order in which they are tried.

        On loopback Docker tries plain HTTP after HTTPS.
        """
        if LOOPBACK.fullmatch(registry):
            return [f"https://{registry}", f"http://{registry}"]
        return [f"{self._mirror}/{registry}"]

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> httpx.Response:
        """Send one request.

        Raises:
            TransportError: no answer.
        """
        host = PLACE.match(url)
        if host is None or not LOOPBACK.fullmatch(host["host"]):
            name = host["host"] if host else url
            raise TransportError(f"dial tcp: lookup {name} on 127.0.0.53:53: no such host")
        client = await self._open()
        import httpx  # noqa: PLC0415 # loaded by now, see `warm_up`

        try:
            async with self._turns:
                return await client.request(method, url, headers=dict(headers), content=content)
        except httpx.TimeoutException as error:
            raise TransportError(
                "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
            ) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise TransportError(_go_words(str(error), host["host"])) from error

    async def get_blob(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        """GET a blob, together with whoever is getting it; a caller that goes stops nobody else.

        Raises:
            TransportError: no answer.
        """
        fetching = self._blobs.get(url)
        if fetching is None:
            fetching = asyncio.ensure_future(self.send("GET", url, headers))
            self._blobs[url] = fetching
            fetching.add_done_callback(lambda done: self._settle(url, done))
        return await asyncio.shield(fetching)

    def _settle(self, url: str, done: asyncio.Task[httpx.Response]) -> None:
        """Forget a download that has ended, unless it brought a public blob."""
        is_answered = not done.cancelled() and done.exception() is None
        is_public = url.startswith(f"{self._mirror}/")
        if not (is_answered and is_public and done.result().status_code == OK):
            del self._blobs[url]

    async def close(self) -> None:
        """Close every connection."""
        for fetching in self._blobs.values():
            fetching.cancel()
        if self._client is not None:
            await self._client.aclose()

    async def _open(self) -> httpx.AsyncClient:
        self.warm_up()
        if self._warming is not None:
            await asyncio.shield(self._warming)
        import httpx  # noqa: PLC0415 # loaded by now, see `warm_up`

        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=_trust(self._ca_file),
                timeout=PATIENCE_WALL_SECONDS,
                limits=httpx.Limits(keepalive_expiry=KEEP_WALL_SECONDS),
                trust_env=False,
            )
        return self._client


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """Trust in one authority, or in nobody."""
    if ca_file:
        return ssl.create_default_context(cafile=ca_file)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _go_words(message: str, host: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in message:
        return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    if "WRONG_VERSION_NUMBER" in message:
        return "http: server gave HTTP response to HTTPS client"
    if "connection attempts failed" in message or "refused" in message:
        return f"dial tcp {host}: connect: connection refused"
    return "EOF"
