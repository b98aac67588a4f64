"""Passes requests on to `docker-registry` and its answers back, piece by piece.

No blob is ever in memory as a whole, in neither direction.
"""

from __future__ import annotations

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from local_azure.registries.access import READS, Target
from local_azure.registries.catalogue import MANIFESTS

LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=30)
NOT_PASSED = {
    "authorization", "connection", "date", "expect", "host", "keep-alive", "proxy-authorization",
    "server", "te", "trailer", "transfer-encoding", "upgrade", "accept-encoding",
}  # fmt: skip
"""Headers of one hop, or that are none of its business."""
ANY_TYPE = ("", "*/*")
ORIGIN = "http://registry"


async def forward(client: httpx.AsyncClient, request: Request, target: Target) -> Response:
    """Pass a request on.

    Args:
        client: reaches the registry.
        request: what came in, its body not read yet.
        target: what it names.

    Raises:
        httpx.HTTPError: the registry could not be reached, or did not answer.
    """
    headers = [(k, v) for k, v in request.headers.items() if k.lower() not in NOT_PASSED]
    headers.append(("accept-encoding", "identity"))
    if target.kind == "manifest" and request.method in READS and _accepts_all(request):
        # Without a list it would turn the manifest into one of schema 1.
        headers = [(k, v) for k, v in headers if k.lower() != "accept"]
        headers.append(("accept", ", ".join(MANIFESTS)))
    has_body = "transfer-encoding" in request.headers or request.headers.get(
        "content-length", "0"
    ) not in ("", "0")
    query = request.url.query
    outgoing = client.build_request(
        request.method,
        ORIGIN + request.scope["raw_path"].decode() + (f"?{query}" if query else ""),
        headers=headers,
        content=request.stream() if has_body else None,
    )
    answer = await client.send(outgoing, stream=True)
    response = StreamingResponse(
        answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose)
    )
    response.raw_headers = [
        (k.lower(), v) for k, v in answer.headers.raw if k.decode().lower() not in NOT_PASSED
    ]
    return response


def _accepts_all(request: Request) -> bool:
    return request.headers.get("accept", "") in ANY_TYPE
