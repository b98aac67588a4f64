"""A client of a container registry for tests: plain HTTP, so that every answer can be looked at.

Knows neither the product's client nor the server's code; speaks to any registry that signs in as
Azure's do.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import ssl
import tarfile
from dataclasses import dataclass
from typing import Any

import httpx
from raw_azure import Group, RawAzure

API = "2023-07-01"
OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
TOKEN_USER = "00000000-0000-0000-0000-000000000000"
PROVIDER = "/providers/Microsoft.ContainerRegistry"
ALL_ACTIONS = "pull,push,delete,metadata_read,metadata_write"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Image:
    """A small but whole image: what a client would push."""

    config: bytes
    layer: bytes
    manifest: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


def make_image(text: str = "hello", media_type: str = OCI) -> Image:
    """An image of one layer with one file, whose digests are true."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        member = tarfile.TarInfo("hello.txt")
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
    layer = gzip.compress(plain.getvalue(), mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(plain.getvalue())]},
        }
    ).encode()
    is_oci = media_type == OCI
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": describe(config, OCI_CONFIG if is_oci else DOCKER_CONFIG),
        "layers": [describe(layer, OCI_LAYER if is_oci else DOCKER_LAYER)],
    }
    return Image(config, layer, json.dumps(manifest).encode(), media_type)


def describe(content: bytes, media_type: str) -> dict[str, Any]:
    """A descriptor."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def registry_path(group: Group, name: str) -> str:
    """Path of a registry's record."""
    return f"{group.path}{PROVIDER}/registries/{name}"


def create_registry(group: Group, name: str, **properties: Any) -> dict[str, Any]:
    """A registry that is ready; needs a server whose clock the test may move or that is fast."""
    body = {"location": group.location, "sku": {"name": "Basic"}, "properties": properties}
    answer = group.azure.call("PUT", registry_path(group, name), body, api=API)
    assert answer.status_code == 201, answer.text
    if group.azure.status.speed < 100:
        group.azure.advance(60)
    assert group.azure.wait(answer)["status"] == "Succeeded"
    shown: dict[str, Any] = group.azure.get(registry_path(group, name), api=API)
    return shown


class RawRegistry:
    """A registry's data plane, with tokens.

    Args:
        azure: signs in.
        host: login server.
    """

    def __init__(self, azure: RawAzure, host: str) -> None:
        self.azure, self.host = azure, host
        trust = ssl.create_default_context(cafile=azure.status.ca_file)
        self.http = httpx.Client(base_url=f"https://{host}", verify=trust, timeout=30)

    def exchange(self, access_token: str | None = None, **form: str) -> httpx.Response:
        """Ask for a refresh token; fields replace the right ones."""
        right = {
            "grant_type": "access_token",
            "service": self.host,
            "tenant": self.azure.status.tenant_id,
            "access_token": access_token or self.azure.token(),
        }
        return self.http.post("/oauth2/exchange", data=right | form)

    def refresh_token(self) -> str:
        """A refresh token."""
        return str(self.exchange().json()["refresh_token"])

    def ask_token(self, scope: str, refresh_token: str | None = None) -> httpx.Response:
        """Ask for an access token."""
        form = {
            "grant_type": "refresh_token",
            "service": self.host,
            "scope": scope,
            "refresh_token": refresh_token or self.refresh_token(),
        }
        return self.http.post("/oauth2/token", data=form)

    def bearer(self, *scopes: str) -> dict[str, str]:
        """Headers with an access token for `scopes`."""
        answer = self.ask_token(" ".join(scopes))
        assert answer.status_code == 200, answer.text
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    def all_of(self, *names: str) -> dict[str, str]:
        """Headers with an access token for everything in the repositories `names`."""
        return self.bearer(*(f"repository:{name}:{ALL_ACTIONS}" for name in names))

    def upload(self, name: str, content: bytes) -> httpx.Response:
        """Push a blob in one piece."""
        headers = self.all_of(name)
        begun = self.http.post(f"/v2/{name}/blobs/uploads/", headers=headers)
        assert begun.status_code == 202, begun.text
        return self.http.put(
            with_digest(begun.headers["location"], digest_of(content)),
            headers=headers | {"content-type": "application/octet-stream"},
            content=content,
        )

    def put_manifest(
        self, name: str, reference: str, content: bytes, media_type: str
    ) -> httpx.Response:
        """Push a manifest."""
        headers = self.all_of(name) | {"content-type": media_type}
        return self.http.put(f"/v2/{name}/manifests/{reference}", headers=headers, content=content)

    def push(self, name: str, tag: str, image: Image) -> str:
        """Push an image; returns its digest."""
        for content in (image.config, image.layer):
            assert self.upload(name, content).status_code == 201
        answer = self.put_manifest(name, tag, image.manifest, image.media_type)
        assert answer.status_code == 201, answer.text
        assert answer.headers["docker-content-digest"] == image.digest
        return image.digest

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request with a token for all that its repository has."""
        name = path.removeprefix("/v2/").removeprefix("/acr/v1/")
        for mark in ("/manifests", "/blobs", "/tags", "/_tags", "/_manifests"):
            name = name.partition(mark)[0]
        token = (
            self.bearer("registry:catalog:*")
            if name.startswith("_catalog")
            else self.all_of(name.partition("?")[0])
        )
        headers = token | options.pop("headers", {})
        return self.http.request(method, path, headers=headers, **options)


def with_digest(location: str, digest: str) -> str:
    """The URL that ends an upload."""
    return f"{location}{'&' if '?' in location else '?'}digest={digest}"
