"""Uploads of our own registry: monolithic, in chunks, or mounted from another repository.

An upload is a file that grows; it becomes a blob when its digest is the one that was promised, and
survives a restart of the server until then.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import uuid
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from local_azure.registries.access import Target
from local_azure.registries.layout import DIGEST, Layout, read_link, write_link
from local_azure.registries.oci_errors import OciError

UPLOAD = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CONTENT_RANGE = re.compile(r"(?:bytes[ =])?(\d+)-(\d+)(?:/.*)?")


class OwnUploads:
    """The uploads of one registry.

    Args:
        layout: where its files are.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def handle(self, request: Request, target: Target) -> Response:
        """Begin, go on with, ask about, end or drop an upload.

        Raises:
            OciError: it cannot be done.
        """
        if not target.reference:
            return await self._begin(request, target.name)
        file = self._file(target)
        if request.method == "PATCH":
            await self._append(request, file)
            return _accepted(target, file, 202)
        if request.method == "PUT":
            await self._append(request, file)
            return await self._commit(target.name, file, request.query_params.get("digest", ""))
        if request.method == "GET":
            return _accepted(target, file, 204)
        if request.method == "DELETE":
            shutil.rmtree(file.parent, ignore_errors=True)
            return Response(b"", 204)
        raise OciError("UNSUPPORTED")

    async def _begin(self, request: Request, name: str) -> Response:
        if request.method != "POST":
            raise OciError("UNSUPPORTED")
        mounted, source = (request.query_params.get(key, "") for key in ("mount", "from"))
        if DIGEST.fullmatch(mounted) and self._has(source, mounted):
            write_link(self._layout.layer(name, mounted), mounted)
            return _created(name, mounted)
        target = Target("upload", name, str(uuid.uuid4()))
        file = self._layout.upload(name, target.reference) / "data"
        file.parent.mkdir(parents=True)
        file.touch()
        if digest := request.query_params.get("digest"):
            await self._append(request, file)
            return await self._commit(name, file, digest)
        return _accepted(target, file, 202)

    def _has(self, name: str, digest: str) -> bool:
        link = self._layout.layer(name, digest) if name else None
        return bool(link and read_link(link)) and self._layout.blob(digest).exists()

    def _file(self, target: Target) -> Path:
        file = self._layout.upload(target.name, target.reference) / "data"
        if not UPLOAD.fullmatch(target.reference) or not file.exists():
            raise OciError("BLOB_UPLOAD_UNKNOWN")
        return file

    async def _append(self, request: Request, file: Path) -> None:
        _check_start(request, file)
        with file.open("ab") as out:
            async for chunk in request.stream():
                out.write(chunk)

    async def _commit(self, name: str, file: Path, digest: str) -> Response:
        if not DIGEST.fullmatch(digest) or await asyncio.to_thread(_digest, file) != digest:
            shutil.rmtree(file.parent, ignore_errors=True)
            raise OciError("DIGEST_INVALID")
        self._keep(name, file, digest)
        return _created(name, digest)

    def _keep(self, name: str, file: Path, digest: str) -> None:
        blob = self._layout.blob(digest)
        blob.parent.mkdir(parents=True, exist_ok=True)
        file.replace(blob)
        write_link(self._layout.layer(name, digest), digest)
        shutil.rmtree(file.parent, ignore_errors=True)


def _check_start(request: Request, file: Path) -> None:
    """A chunk that says where it belongs must follow what is there."""
    size = file.stat().st_size
    given = CONTENT_RANGE.fullmatch(request.headers.get("content-range", ""))
    if given and int(given[1]) != size:
        raise OciError("BLOB_UPLOAD_INVALID", {"expected": size}, headers=_range(size))


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"


def _created(name: str, digest: str) -> Response:
    headers = {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest}
    return Response(b"", 201, headers)


def _accepted(target: Target, file: Path, status: int) -> Response:
    headers = {
        "Location": f"/v2/{target.name}/blobs/uploads/{target.reference}",
        "Docker-Upload-UUID": target.reference,
    }
    return Response(b"", status, headers | _range(file.stat().st_size))


def _range(size: int) -> dict[str, str]:
    return {"Range": f"0-{max(0, size - 1)}"}
