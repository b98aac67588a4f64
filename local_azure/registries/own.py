"""A small registry of our own: manifests and blobs, where `docker-registry` is not installed.

Speaks the OCI distribution API as the distribution registry does and keeps the same files. Every
digest is checked before anything is linked. Uploads are `own_uploads`. Refuses to sign anybody in.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from local_azure.registries.access import READS, Target
from local_azure.registries.catalogue import INDEXES, MANIFESTS, media_type
from local_azure.registries.layout import DIGEST, TAG, Layout, read_link, write_link, write_whole
from local_azure.registries.oci_errors import OciError
from local_azure.registries.own_uploads import OwnUploads

MANIFEST_LIMIT = 4 * 1024 * 1024
"""Bytes of a manifest that are taken, as the distribution registry does."""
DIGEST_HEADER = "Docker-Content-Digest"
ANY_TYPE = {"*/*", "application/*"}


class OwnStorage:
    """One registry's content.

    Args:
        root: storage folder.
    """

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)
        self._uploads = OwnUploads(self._layout)

    async def handle(self, request: Request, target: Target) -> Response:
        """Answer a request that was found to be allowed.

        Raises:
            OciError: it cannot be done.
        """
        method = request.method
        if target.kind == "manifest" and method == "PUT":
            return await self._put_manifest(request, target)
        if target.kind == "upload":
            return await self._uploads.handle(request, target)
        if target.kind == "manifest" and method in READS:
            return self._manifest(request, target)
        if target.kind == "manifest" and method == "DELETE":
            return self._delete_manifest(target)
        if target.kind == "blob" and method in READS:
            return self._blob(target)
        if target.kind == "blob" and method == "DELETE":
            return self._delete_blob(target)
        raise OciError("UNSUPPORTED")

    async def close(self) -> None:
        """Nothing is open."""

    def _manifest(self, request: Request, target: Target) -> Response:
        digest = self._digest_of(target)
        if digest is None:
            raise OciError("MANIFEST_UNKNOWN", {"Name": target.name, "Tag": target.reference})
        try:
            content = self._layout.blob(digest).read_bytes()
        except OSError as error:
            raise OciError("MANIFEST_UNKNOWN", {"Name": target.name}) from error
        kind = _type_of(content)
        accepted = {
            each.partition(";")[0].strip()
            for line in request.headers.getlist("accept")
            for each in line.split(",")
        }
        if not accepted & (ANY_TYPE | {kind}):
            raise OciError("MANIFEST_UNKNOWN", {"message": f"{kind} is not accepted"})
        headers = {DIGEST_HEADER: digest, "ETag": f'"{digest}"'}
        return Response(content, 200, headers, kind)

    def _digest_of(self, target: Target) -> str | None:
        reference = target.reference
        is_digest = bool(DIGEST.fullmatch(reference))
        link = None if is_digest or not TAG.fullmatch(reference) else (
            self._layout.tag(target.name, reference)
        )  # fmt: skip
        digest = reference if is_digest else read_link(link) if link else None
        return read_link(self._layout.revision(target.name, digest)) if digest else None

    async def _put_manifest(self, request: Request, target: Target) -> Response:
        content = await _body(request)
        document = _document(content, request.headers.get("content-type", ""))
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        is_tag = ":" not in target.reference
        if is_tag and not TAG.fullmatch(target.reference):
            raise OciError("TAG_INVALID")
        if not is_tag and target.reference != digest:
            raise OciError("DIGEST_INVALID")
        self._check_named(target.name, document)
        write_whole(self._layout.blob(digest), content)
        write_link(self._layout.revision(target.name, digest), digest)
        if is_tag:
            write_link(self._layout.tag_index(target.name, target.reference, digest), digest)
            write_link(self._layout.tag(target.name, target.reference), digest)
        headers = {"Location": f"/v2/{target.name}/manifests/{digest}", DIGEST_HEADER: digest}
        return Response(b"", 201, headers)

    def _check_named(self, name: str, document: dict[str, Any]) -> None:
        """What a manifest names must be in its repository; foreign layers are elsewhere."""
        inner = [(each, self._layout.revision) for each in document.get("manifests") or []]
        parts = [document.get("config"), *(document.get("layers") or [])]
        inner += [(each, self._layout.layer) for each in parts if each and not each.get("urls")]
        for each, place in inner:
            digest = str(each.get("digest", ""))
            if not DIGEST.fullmatch(digest):
                raise OciError("MANIFEST_INVALID", f"{digest!r} is not a digest")
            if read_link(place(name, digest)) is None or not self._layout.blob(digest).exists():
                raise OciError("MANIFEST_BLOB_UNKNOWN", {"digest": digest})

    def _delete_manifest(self, target: Target) -> Response:
        link = self._layout.revision(target.name, target.reference)
        if read_link(link) is None:
            raise OciError("MANIFEST_UNKNOWN")
        for tag in self._layout.tags(target.name).glob("*/current/link"):
            if read_link(tag) == target.reference:
                tag.unlink()
        link.unlink()
        return Response(b"", 202)

    def _blob(self, target: Target) -> Response:
        file = self._linked_blob(target)
        headers = {
            DIGEST_HEADER: target.reference,
            "ETag": f'"{target.reference}"',
            "Cache-Control": "max-age=31536000",
        }
        return BlobResponse(file, 200, headers, "application/octet-stream")

    def _delete_blob(self, target: Target) -> Response:
        self._linked_blob(target)
        self._layout.layer(target.name, target.reference).unlink()
        return Response(b"", 202)

    def _linked_blob(self, target: Target) -> Path:
        if not DIGEST.fullmatch(target.reference):
            raise OciError("DIGEST_INVALID")
        file = self._layout.blob(target.reference)
        link = self._layout.layer(target.name, target.reference)
        if read_link(link) is None or not file.exists():
            raise OciError("BLOB_UNKNOWN", {"digest": target.reference})
        return file


class BlobResponse(FileResponse):
    """A file in larger pieces: each costs a change of threads."""

    chunk_size = 1 << 20


async def _body(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MANIFEST_LIMIT:
            raise OciError("MANIFEST_INVALID", "the manifest is larger than 4 MiB", status=413)
    return bytes(content)


def _document(content: bytes, content_type: str) -> dict[str, Any]:
    kind = content_type.partition(";")[0].strip()
    try:
        document = json.loads(content)
    except ValueError as error:
        raise OciError("MANIFEST_INVALID", f"not JSON: {error}") from error
    if not isinstance(document, dict) or kind not in MANIFESTS or media_type(document) != kind:
        raise OciError("MANIFEST_INVALID", f"unsupported manifest media type {kind!r}")
    is_index = kind in INDEXES
    if not isinstance(document.get("manifests" if is_index else "layers"), list):
        raise OciError("MANIFEST_INVALID", "the manifest names nothing")
    if not is_index and not isinstance(document.get("config"), dict):
        raise OciError("MANIFEST_INVALID", "the manifest has no config")
    return document


def _type_of(content: bytes) -> str:
    try:
        return media_type(json.loads(content))
    except (ValueError, AttributeError, TypeError):  # tampered with: the client will find out
        return "application/octet-stream"
