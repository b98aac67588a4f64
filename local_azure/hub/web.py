"""The hub over HTTP: the reading half of the OCI distribution API, by registry host.

`<prefix>/<host>/v2/...` answers as `https://<host>/v2/...` would. No accounts: who sends
credentials is refused, as is every write.
"""

from __future__ import annotations

import re

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_azure.hub.catalogue import CATALOGUE, HOSTS
from local_azure.hub.shelf import Shelf
from local_azure.oci.content import MANIFEST_TYPE, digest_of

PREFIX = "/_local/hub"
PLACE = re.compile(
    r"/(?P<host>[^/]+)/v2/(?:(?P<name>.+)/(?P<kind>manifests|blobs|tags)/(?P<what>[^/]+))?/?"
)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
READING = METHODS[:2]
VERSION = {"docker-distribution-api-version": "registry/2.0"}
DENIED = "requested access to the resource is denied"


def answer(shelf: Shelf, method: str, path: str, *, has_credentials: bool) -> Response:
    """Answer one request.

    Args:
        shelf: the images.
        method: HTTP method.
        path: what follows `PREFIX`.
        has_credentials: the request has an `Authorization` header.
    """
    found = PLACE.fullmatch(path)
    if found is None or found["host"] not in HOSTS:
        return _error(404, "NOT_FOUND", f"no registry here: {path}")
    if has_credentials:
        return _error(401, "UNAUTHORIZED", "incorrect username or password")
    if method not in READING:
        return _error(403, "DENIED", DENIED)
    if found["name"] is None:
        return JSONResponse({}, headers=VERSION)
    response = _read(shelf, f"{found['host']}/{found['name']}", found["kind"], found["what"])
    if method == "HEAD":
        response.body = b""  # the headers, Content-Length among them, stay those of GET
    return response


def _read(shelf: Shelf, name: str, kind: str, what: str) -> Response:
    if name not in CATALOGUE:
        refused = _error(401, "DENIED", DENIED)
        refused.headers["www-authenticate"] = f'Bearer realm="{name}",error="insufficient_scope"'
        return refused
    if kind == "tags":
        return JSONResponse({"name": name.partition("/")[2], "tags": shelf.tags(name)})
    data = shelf.manifest(name, what) if kind == "manifests" else shelf.blob(name, what)
    if data is None:
        word = "manifest" if kind == "manifests" else "blob"
        return _error(404, f"{word.upper()}_UNKNOWN", f"{word} unknown")
    is_manifest = kind == "manifests"
    headers = {**VERSION, "docker-content-digest": digest_of(data)}
    media_type = MANIFEST_TYPE if is_manifest else "application/octet-stream"
    return Response(data, headers=headers, media_type=media_type)


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"errors": [{"code": code, "message": message}]}, status, headers=VERSION)


def make_app(shelf: Shelf) -> Starlette:
    """The hub alone, as an ASGI application: for guests without a cloud."""

    async def serve(request: Request) -> Response:
        path = request.url.path.removeprefix(PREFIX)
        has_credentials = "authorization" in request.headers
        return answer(shelf, request.method, path, has_credentials=has_credentials)

    return Starlette(routes=[Route(f"{PREFIX}/{{path:path}}", serve, methods=METHODS)])
