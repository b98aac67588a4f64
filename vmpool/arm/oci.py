"""Questions to container registries (OCI distribution API): digests, labels, tags. Reads only.

The same for Docker Hub and for an Azure Container Registry: both answer 401 with the address of
their token service first. Blobs are compared with their digests before they are believed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from vmpool.arm import web
from vmpool.arm.clients import Cloud
from vmpool.errors import CredentialsError, PermanentError, ThrottledError, TransientError
from vmpool.reference import HUB, Reference

if TYPE_CHECKING:
    import httpx

Json = dict[str, Any]
ASK_WALL_SECONDS = 10.0
HUB_API = "registry-1.docker.io"
"""Docker Hub's registry has another name than its images."""
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json,"
    "application/vnd.docker.distribution.manifest.v2+json,"
    "application/vnd.oci.image.index.v1+json,"
    "application/vnd.docker.distribution.manifest.list.v2+json"
)
PLATFORM = ("linux", "amd64")
"""What the workers are."""
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
FORBIDDEN, UNAUTHORIZED, NOT_FOUND, TOO_MANY, BROKEN = 403, 401, 404, 429, 500


@dataclass(frozen=True)
class Refresh:
    """What opens a private registry, fetched when it is first needed; never logged.

    Attributes:
        token: makes a refresh token.
    """

    token: Callable[[], str]


class Registry:
    """One registry, asked over one connection.

    Args:
        cloud: says where registries are, and what to trust.
        host: the registry's host, as image names have it.
        refresh: opens a private registry; public ones are asked without.
    """

    def __init__(self, cloud: Cloud, host: str, refresh: Refresh | None = None) -> None:
        self.host = host
        self._base = _base(cloud, host, is_private=refresh is not None)
        self._refresh = refresh
        self._authorization: dict[str, str] = {}
        self._client = web.client(cloud, ASK_WALL_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def digest(self, image: Reference) -> str:
        """Digest of the manifest that a name means now, "" if there is none.

        Asked by HEAD, which Docker Hub does not count against its pull limits.

        Raises:
            TransientError: the registry can't be asked.
            CredentialsError: it does not let us in.
        """
        answer = self._send("HEAD", f"{image.repository}/manifests/{image.version}", image)
        return answer.headers.get("docker-content-digest", "") if answer else ""

    def config(self, image: Reference) -> tuple[str, Json]:
        """Digest and content of an image's configuration; ("", {}) if there is no such image.

        Raises:
            TransientError: the registry can't be asked.
            CredentialsError: it does not let us in.
            PermanentError: what it answered is not what its digest says.
        """
        manifest = self._manifest(image, image.version)
        for each in manifest.get("manifests", []):
            platform = each.get("platform", {})
            if (platform.get("os"), platform.get("architecture")) == PLATFORM:
                manifest = self._manifest(image, each["digest"])
        digest = manifest.get("config", {}).get("digest", "")
        answer = self._send("GET", f"{image.repository}/blobs/{digest}", image) if digest else None
        if answer is None:
            return "", {}
        if f"sha256:{hashlib.sha256(answer.content).hexdigest()}" != digest:
            raise PermanentError(f"{image.name}: {self.host} answers other content than {digest}")
        found: Json = answer.json()
        return digest, found

    def _manifest(self, image: Reference, version: str) -> Json:
        answer = self._send("GET", f"{image.repository}/manifests/{version}", image)
        found: Json = answer.json() if answer else {}
        return found

    def _send(self, method: str, path: str, image: Reference) -> httpx.Response | None:
        """Ask; log in when we are told to. None for what does not exist."""
        answer = self._try(method, path)
        if answer.status_code == UNAUTHORIZED:
            self._log_in(answer, image)
            answer = self._try(method, path)
        status = answer.status_code
        if status == NOT_FOUND:
            return None
        if status in (UNAUTHORIZED, FORBIDDEN):
            raise CredentialsError(f"registry {self.host} does not let us read {image.repository}")
        if status == TOO_MANY:
            raise ThrottledError(f"registry {self.host} asks us to wait")
        if answer.is_error:
            kind = TransientError if status >= BROKEN else PermanentError
            raise kind(f"registry {self.host} answers {status} for {image.repository}")
        return answer

    def _try(self, method: str, path: str) -> httpx.Response:
        headers = {"accept": MANIFESTS, **self._authorization}
        return self._request(method, f"{self._base}/v2/{path}", headers=headers)

    def _log_in(self, refused: httpx.Response, image: Reference) -> None:
        """Get a token from where the registry says: with what opens it, or as anybody."""
        said = dict(CHALLENGE.findall(refused.headers.get("www-authenticate", "")))
        realm = said.pop("realm", "")
        if not realm.startswith("https://"):
            raise CredentialsError(f"registry {self.host} names no token service")
        if self._refresh:
            if urlsplit(realm).netloc != self.host:  # what opens it is for nobody else
                raise CredentialsError(f"registry {self.host} sends us to another: {realm}")
            form = {"grant_type": "refresh_token", "service": said.get("service", self.host),
                    "scope": f"repository:{image.repository}:pull",
                    "refresh_token": self._refresh.token()}  # fmt: skip
            answer = self._request("POST", realm, data=form)
        else:
            answer = self._request("GET", realm, params=said)
        if answer.is_error:
            raise CredentialsError(f"registry {self.host} does not let us in")
        told = answer.json()
        token = told.get("access_token") or told.get("token")
        self._authorization = {"authorization": f"Bearer {token}"}

    def _request(self, method: str, url: str, **options: Any) -> httpx.Response:
        return web.request(self._client, f"registry {self.host}", method, url, **options)


def _base(cloud: Cloud, host: str, *, is_private: bool) -> str:
    """Where a registry is: ours at its own address, others behind the local Azure if it is used."""
    if cloud.registry_mirror and not is_private:
        return f"{cloud.registry_mirror}/{host}"
    return f"https://{HUB_API if host == HUB else host}"
