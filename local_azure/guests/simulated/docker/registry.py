"""One registry as Docker's client talks to it: ping, challenge, token, then the OCI API.

Refuses to know images: it moves bytes and says in the registry's words what went wrong.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin

from local_azure.guests.simulated.docker.transport import Transport, TransportError
from local_azure.oci.content import MANIFEST_TYPE, OCI_MANIFEST_TYPE
from local_azure.oci.references import HUB

if TYPE_CHECKING:
    import httpx

HUB_HOST = "registry-1.docker.io"
PARAMETER = re.compile(r'(\w+)="([^"]*)"')
ACCEPT = {"accept": f"{MANIFEST_TYPE}, {OCI_MANIFEST_TYPE}"}
INSUFFICIENT = 'error="insufficient_scope"'
"""How a challenge says that credentials are right and rights are missing."""
OK, CREATED, ACCEPTED, UNAUTHORIZED, NOT_FOUND = 200, 201, 202, 401, 404


class RegistryError(Exception):
    """A registry refuses.

    Attributes:
        code: the distribution API's, e.g. `MANIFEST_UNKNOWN`; "" if the registry was not reached.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Login:
    """Credentials of one registry."""

    user: str
    password: str

    def header(self) -> dict[str, str]:
        """Basic authorization."""
        secret = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"authorization": f"Basic {secret}"}


class Registry:
    """A registry, with the credentials of whoever asks.

    Args:
        transport: the way there.
        host: name and port.
        login: credentials, or None.
    """

    def __init__(self, transport: Transport, host: str, login: Login | None) -> None:
        self._transport, self._host, self._login = transport, host, login
        self._base = ""
        self._authorization: Mapping[str, str] = {}
        self.shown = f"https://{HUB_HOST if host == HUB else host}/v2/"

    async def log_in(self) -> None:
        """Check the credentials.

        Raises:
            RegistryError: they are wrong, or the registry can't be reached.
        """
        try:
            await self.open("")
        except RegistryError as error:
            place = f'Get "{self.shown}": ' if error.code else ""
            raise RegistryError(error.code, f"{place}{error}") from None
        if not self._authorization and self._login:
            self._authorization = self._login.header()
        answer = await self._send("GET", "")
        if answer.status_code != OK:
            raise RegistryError("UNAUTHORIZED", f'Get "{self.shown}": {_words(answer)[1]}')

    async def open(self, scope: str) -> None:
        """Find the registry, and get in as it wants.

        Args:
            scope: `repository:NAME:pull,push`, or "" for none.

        Raises:
            RegistryError: it can't be reached, or it refuses.
        """
        answer = await self._ping()
        if answer.status_code == NOT_FOUND:
            name = self._host.partition(":")[0]
            raise RegistryError("", f'Get "{self.shown}": dial tcp: lookup {name} on'
                                    " 127.0.0.53:53: no such host")  # fmt: skip
        if answer.status_code != UNAUTHORIZED:
            return
        scheme, _, rest = answer.headers.get("www-authenticate", "").partition(" ")
        if scheme.lower() == "bearer":
            await self._get_token(dict(PARAMETER.findall(rest)), scope)
        elif self._login is None:
            raise RegistryError("NO_CREDENTIALS", "no basic auth credentials")
        else:
            self._authorization = self._login.header()

    async def manifest(self, name: str, reference: str) -> bytes:
        """A manifest by tag or digest.

        Raises:
            RegistryError: it is not to be had.
        """
        answer = await self._send("GET", f"{name}/manifests/{reference}", ACCEPT)
        return _expect(answer, OK).content

    async def blob(self, name: str, digest: str) -> bytes:
        """A blob, not verified.

        Raises:
            RegistryError: it is not to be had.
        """
        url = f"{self._base}{name}/blobs/{digest}"
        try:
            answer = await self._transport.get_blob(url, self._authorization)
        except TransportError as error:
            raise RegistryError("", f'Get "{url}": {error}') from error
        return _expect(answer, OK).content

    async def has_blob(self, name: str, digest: str) -> bool:
        """Whether a repository has a blob.

        Raises:
            RegistryError: the registry refuses to say.
        """
        answer = await self._send("HEAD", f"{name}/blobs/{digest}")
        return answer.status_code != NOT_FOUND and bool(_expect(answer, OK))

    async def upload(self, name: str, digest: str, data: bytes) -> None:
        """Bring a blob.

        Raises:
            RegistryError: the registry does not take it.
        """
        begun = _expect(await self._send("POST", f"{name}/blobs/uploads/", content=b""), ACCEPTED)
        place = urljoin(str(begun.url), begun.headers["location"])
        place += f"{'&' if '?' in place else '?'}{urlencode({'digest': digest})}"
        kind = {"content-type": "application/octet-stream", **self._authorization}
        _expect(await self._request("PUT", place, kind, data), CREATED)

    async def put_manifest(self, name: str, reference: str, data: bytes) -> None:
        """Bring a manifest, whose blobs are there.

        Raises:
            RegistryError: the registry does not take it.
        """
        path, kind = f"{name}/manifests/{reference}", {"content-type": MANIFEST_TYPE}
        _expect(await self._send("PUT", path, kind, data), CREATED)

    async def _ping(self) -> httpx.Response:
        """Ask which of the registry's places answers."""
        problem = ""
        for place in self._transport.places(self._host):
            self._base = f"{place}/v2/"
            try:
                return await self._transport.send("GET", self._base, {})
            except TransportError as error:
                problem = str(error)
                if "x509" in problem:
                    break
        raise RegistryError("", f'Get "{self.shown}": {problem}')

    async def _get_token(self, challenge: dict[str, str], scope: str) -> None:
        """A bearer token for the scope; without credentials an anonymous one."""
        wanted = {"service": challenge.get("service", ""), "scope": scope}
        if self._login:
            wanted["account"] = self._login.user
        query = urlencode({name: value for name, value in wanted.items() if value})
        headers = self._login.header() if self._login else {}
        answer = await self._request("GET", f"{challenge.get('realm', '')}?{query}", headers)
        if answer.status_code != OK:
            message = _words(answer)[1] or "unauthorized: authentication required"
            raise RegistryError("UNAUTHORIZED", message)
        document = answer.json()
        token = document.get("access_token") or document.get("token", "")
        self._authorization = {"authorization": f"Bearer {token}"}

    async def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        every = {**self._authorization, **(headers or {})}
        return await self._request(method, self._base + path, every, content)

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> httpx.Response:
        try:
            return await self._transport.send(method, url, headers, content)
        except TransportError as error:
            raise RegistryError("", f'{method.capitalize()} "{url}": {error}') from error


def _expect(answer: httpx.Response, status: int) -> httpx.Response:
    """The answer, if it has the status that success has."""
    if answer.status_code != status:
        raise RegistryError(*_words(answer))
    return answer


def _words(answer: httpx.Response) -> tuple[str, str]:
    """The code of a refusal and Docker's line for it: `manifest unknown: manifest unknown`."""
    try:
        first = answer.json()["errors"][0]
        code, message = str(first["code"]), str(first.get("message", ""))
    except (ValueError, LookupError, TypeError):
        if INSUFFICIENT in answer.headers.get("www-authenticate", ""):
            return "DENIED", "denied: requested access to the resource is denied"
        if answer.status_code == UNAUTHORIZED:
            return "UNAUTHORIZED", "unauthorized: authentication required"
        return "UNKNOWN", f"received unexpected HTTP status: {answer.status_code}"
    return code, f"{code.lower().replace('_', ' ')}: {message}"
