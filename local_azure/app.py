"""The HTTP side: from a web request to a handler and back, in Azure's order of refusals.

Sign-in and `/_local` come before Resource Manager. There: token, throttling, api-version,
subscription, then the route. A request is one transaction: committed before it is answered,
rolled back when it is refused.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local_azure import errors, refusals, signin
from local_azure.admin import handle_local
from local_azure.cloud import Cloud
from local_azure.errors import AzureError
from local_azure.hang_up import hang_up
from local_azure.providers import registration
from local_azure.providers.table import TABLE
from local_azure.retail import prices
from local_azure.route import Match
from local_azure.wire import Call, Reply, standard_headers

log = logging.getLogger(__name__)
METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]
API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-\w+)?")
BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a request body that are taken, as Resource Manager does."""


def make_app(cloud: Cloud) -> Starlette:
    """The ASGI application of a cloud."""

    async def serve(request: Request) -> Response:
        return await _serve(cloud, request)

    return Starlette(routes=[Route("/{path:path}", serve, methods=METHODS)])


async def _serve(cloud: Cloud, request: Request) -> Response:
    call = await _read(cloud, request)
    if call.path.startswith("/_local/"):
        return await handle_local(call)
    if cloud.faults.strike("unreachable", path=call.path, method=call.method):
        await hang_up(request)
        return Response()
    reply = _answer(call)
    cloud.requests.append(_log_entry(call, reply))
    return _respond(call, reply)


async def _read(cloud: Cloud, request: Request) -> Call:
    raw = await _body(request)
    content_type = request.headers.get("content-type", "")
    return Call(
        cloud=cloud,
        method=request.method,
        path=re.sub(r"/{2,}", "/", request.url.path),
        params={},
        query={key.lower(): value for key, value in request.query_params.items()},
        headers=request.headers,
        content=_decode(raw[:BODY_LIMIT], content_type),
        client=request.client.host if request.client else "",
        is_too_large=len(raw) > BODY_LIMIT,
    )


async def _body(request: Request) -> bytes:
    """The request's body; of one that is too large, a little more than the limit."""
    raw = bytearray()
    async for chunk in request.stream():
        if len(raw) <= BODY_LIMIT:
            raw += chunk
    return bytes(raw)


def _decode(raw: bytes, content_type: str) -> Any:
    if not raw:
        return None
    if content_type.startswith("application/x-www-form-urlencoded") and raw[:1] != b"{":
        return dict(parse_qsl(raw.decode(errors="replace")))
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw


def _answer(call: Call) -> Reply:
    try:
        reply = _dispatch(call)
    except AzureError as error:
        call.cloud.store.rollback()
        if not error.is_gateway and "/providers/" in call.path:
            call.is_from_provider = True
        return refusals.reply(error)
    except Exception:
        log.exception("%s %s", call.method, call.path)
        call.cloud.store.rollback()
        return refusals.reply(
            AzureError(500, "InternalServerError", "Encountered internal server error.")
        )
    call.cloud.store.commit()
    return reply


def _dispatch(call: Call) -> Reply:
    found = _open_to_all(call)
    if found:
        call.params = found.params
        return found.route.handler(call)
    call.cloud.tokens.check(call.headers.get("authorization", ""))
    limits = call.cloud.throttle.admit(call)
    call.cloud.faults.check_request(call)
    if call.is_too_large:
        raise refusals.too_large()
    reply = _resource_manager(call)
    reply.headers = {**limits, **reply.headers}
    return reply


def _open_to_all(call: Call) -> Match | None:
    """The route of a path that needs no login: the sign-in side, the retail price list."""
    if call.path.lower().startswith("/subscriptions"):
        return None
    tables = (signin.routes, prices.routes)
    return next((match for t in tables if (match := t.find(call.method, call.path))), None)


def _resource_manager(call: Call) -> Reply:
    if not API_VERSION.fullmatch(call.api_version):
        raise refusals.bad_api_version(call)
    registration.check(call)
    found = TABLE.find("GET" if call.method == "HEAD" else call.method, call.path)
    if found is None:
        log.warning("not served: %s %s", call.method, call.path)
        raise refusals.no_route(call, TABLE)
    call.params = found.params
    call.is_from_provider = bool(
        re.search(
            r"/providers/Microsoft\.(Compute|Network|ContainerRegistry)/", call.path, re.IGNORECASE
        )
    )
    subscription = found.params.get("subscription")
    if subscription and subscription.lower() != call.cloud.identity.subscription_id:
        raise errors.subscription_not_found(subscription)
    return found.route.handler(call)


def _respond(call: Call, reply: Reply) -> Response:
    has_body = reply.body is not None
    headers = {**standard_headers(call, has_body=has_body), **reply.headers}
    content = b"" if not has_body else json.dumps(reply.body, separators=(",", ":")).encode()
    if call.method == "HEAD":
        content = b""
    response = Response(content, reply.status)
    response.headers.update(headers)
    return response


def _log_entry(call: Call, reply: Reply) -> dict[str, Any]:
    code = (reply.body or {}).get("error") if isinstance(reply.body, dict) else None
    return {
        "at": call.cloud.clock.now(),
        "method": call.method,
        "path": call.path,
        "api_version": call.api_version,
        "user_agent": call.headers.get("user-agent", ""),
        "status": reply.status,
        "error": code.get("code") if isinstance(code, dict) else code,
    }


Serve = Callable[[Request], Awaitable[Response]]
