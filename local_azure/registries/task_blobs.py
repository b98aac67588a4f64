"""The storage account of ACR Tasks: sources are put there, logs are read from there.

As on Azure the address opens it: whoever has the signed URL may do what it says until it expires.
Block blobs in one piece only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from local_azure.clock import CloudClock

ACCOUNT = "/acrtasks"
BLOB = re.compile(rf"{ACCOUNT}/(?P<blob>(?P<container>source|logs)/[A-Za-z0-9._-]+)")
LIFETIME_SECONDS = 3600
RANGE = re.compile(r"bytes=(\d+)-(\d*)")
VERSION = "2021-12-02"


class TaskBlobs:
    """The blobs of one registry.

    Args:
        clock: says when an address has expired.
        key: signs addresses.
        folder: where the blobs are.
        status_of: how the run of a log has ended, "" while it goes on.
    """

    def __init__(
        self, clock: CloudClock, key: str, folder: Path, status_of: Callable[[str], str]
    ) -> None:
        self._clock, self._key = clock, key
        self._folder, self._status_of = folder, status_of

    def sign(self, host: str, blob: str, permission: str) -> str:
        """An address that opens a blob.

        Args:
            host: login server.
            blob: `source/...` or `logs/...`.
            permission: `r` or `w`.
        """
        expires = str(int(self._clock.now() + LIFETIME_SECONDS * self._clock.speed))
        signature = quote(self._signature(blob, permission, expires), safe="")
        query = f"sv={VERSION}&sr=b&sp={permission}&se={expires}&sig={signature}"
        return f"https://{host}{ACCOUNT}/{blob}?{query}"

    async def handle(self, request: Request) -> Response:
        """Answer a request under `ACCOUNT`."""
        found = BLOB.fullmatch(str(request.scope["path"]))
        permission = "w" if request.method == "PUT" else "r"
        if found is None or not self._is_signed(request, found["blob"], permission):
            return _refusal(403, "AuthenticationFailed")
        file = self._folder / found["blob"]
        if request.method == "PUT":
            return await self._put(request, file)
        if not file.exists():
            return _refusal(404, "BlobNotFound")
        return self._get(request, file, file.stem if found["container"] == "logs" else "")

    async def _put(self, request: Request, file: Path) -> Response:
        if request.headers.get("x-ms-blob-type") != "BlockBlob" or "comp" in request.query_params:
            return _refusal(400, "UnsupportedHeader")
        _make_folder(file)
        scratch = file.with_name(f".{uuid.uuid4().hex}")
        with _create(scratch) as out:
            async for chunk in request.stream():
                out.write(chunk)
        scratch.replace(file)
        return Response(b"", 201, {"ETag": f'"{uuid.uuid4().hex}"', **_common()})

    def _get(self, request: Request, file: Path, run_id: str) -> Response:
        content = file.read_bytes()
        headers = {
            "x-ms-blob-type": "BlockBlob",
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "Last-Modified": formatdate(file.stat().st_mtime, usegmt=True),
            "Accept-Ranges": "bytes",
            **_common(),
        }
        if status := self._status_of(run_id) if run_id else "":
            headers["x-ms-meta-Complete"] = status
        asked = RANGE.fullmatch(
            request.headers.get("x-ms-range") or request.headers.get("range") or ""
        )
        if asked is None or request.method == "HEAD":
            return Response(content, 200, headers, "text/plain")
        begin, end = int(asked[1]), int(asked[2] or len(content)) + 1
        if begin >= len(content):
            return _refusal(416, "InvalidRange")
        part = content[begin:end]
        headers["Content-Range"] = f"bytes {begin}-{begin + len(part) - 1}/{len(content)}"
        return Response(part, 206, headers, "text/plain")

    def _is_signed(self, request: Request, blob: str, permission: str) -> bool:
        query = request.query_params
        expires = query.get("se", "")
        right = self._signature(blob, permission, expires)
        is_right = secrets.compare_digest(query.get("sig", "").encode(), right.encode())
        return is_right and expires.isdigit() and int(expires) > self._clock.now()

    def _signature(self, blob: str, permission: str, expires: str) -> str:
        text = f"{self._folder.parent.name}\n{blob}\n{permission}\n{expires}"
        return hmac.new(self._key.encode(), text.encode(), "sha256").hexdigest()


def _make_folder(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)


def _create(file: Path) -> BinaryIO:
    return file.open("wb")


def _common() -> dict[str, str]:
    return {"x-ms-version": VERSION, "x-ms-request-id": str(uuid.uuid4())}


def _refusal(status: int, code: str) -> Response:
    inner = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    body = f'<?xml version="1.0" encoding="utf-8"?>{inner}'
    return Response(body, status, {"x-ms-error-code": code, **_common()}, "application/xml")
