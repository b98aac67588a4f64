"""HTTP from simulated guests to registries: the public ones by their mirror, others on loopback.

One client for all guests of a host, so that a connection once made serves them all. Refuses every
other place: a simulated guest has no way out to any network.
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
CONNECTIONS = 16


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
            return await client.request(method, url, headers=dict(headers), content=content)
        except httpx.TimeoutException as error:
            raise TransportError(
                "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
            ) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise TransportError(_go_words(str(error), host["host"])) from error

    async def close(self) -> None:
        """Close every connection."""
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
                limits=httpx.Limits(max_connections=CONNECTIONS),
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
