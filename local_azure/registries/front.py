"""The face of one registry: who asks, whether they may, and who answers.

Order of refusals: sign-in, unknown path, fault on demand, token and scope, name, storage. Every
answer carries what ACR's carry.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_azure.errors import AzureError
from local_azure.moments import http_date
from local_azure.registries.access import Granted, Target, needs_of, parse_target
from local_azure.registries.acr import AcrApi
from local_azure.registries.layout import MAX_NAME, NAME, TAG, Layout, stamp
from local_azure.registries.oci_errors import OciError, unauthorized
from local_azure.registries.sign_in import SignIn
from local_azure.registries.task_blobs import ACCOUNT
from local_azure.registries.tokens import RegistryTokens

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

log = logging.getLogger(__name__)
METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]
LISTS = ("catalog", "tags")


class Storage(Protocol):
    """What keeps a registry's manifests and blobs."""

    async def handle(self, request: Request, target: Target) -> Response:
        """Answer a request that was found to be allowed."""

    async def close(self) -> None:
        """End what runs for it."""


@dataclass(frozen=True)
class Parts:
    """What a registry is made of.

    Attributes:
        cloud: everything there is.
        registry_id: id of its record.
        tokens: its tokens.
        storage: keeps its content.
        layout: where that is.
        on_change: called after its content has changed.
    """

    cloud: Cloud
    registry_id: str
    tokens: RegistryTokens
    storage: Storage
    layout: Layout
    on_change: Callable[[], None]


class Front:
    """Answers one registry's requests.

    Args:
        parts: what it is made of.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._cloud = parts.cloud
        self._sign_in = SignIn(parts.cloud, parts.registry_id, parts.tokens)
        self._lists = AcrApi(parts.layout, parts.tokens.service)

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(routes=[Route("/{path:path}", self._serve, methods=METHODS)])

    async def _serve(self, request: Request) -> Response:
        try:
            response = await self._answer(request)
        except OciError as error:
            response = error.response()
        except AzureError as error:  # a fault on demand
            refusal = OciError(error.code, None, error.status, error.message, error.headers)
            response = refusal.response()
        except Exception:
            log.exception("%s %s", request.method, request.url.path)
            response = OciError("UNKNOWN").response()
        response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
        response.headers["X-Ms-Correlation-Request-Id"] = str(uuid.uuid4())
        response.headers["Date"] = http_date(self._cloud.clock.now())
        self._log(request, response)
        return response

    async def _answer(self, request: Request) -> Response:
        path = str(request.scope["path"])
        if (request.method, path) == ("POST", "/oauth2/exchange"):
            return await self._sign_in.exchange(request)
        if request.method in ("GET", "POST") and path == "/oauth2/token":
            return await self._sign_in.token(request)
        if path.startswith(f"{ACCOUNT}/"):
            return await self._blobs(request)
        target = parse_target(path)
        if target is None:
            raise OciError("NOT_FOUND")
        self._cloud.faults.check(request.method, path)
        self._authorize(request, target)
        if target.name and (not NAME.fullmatch(target.name) or len(target.name) > MAX_NAME):
            raise OciError("NAME_INVALID", {"name": target.name})
        if target.kind == "base":
            return JSONResponse({})
        return await self._hand_on(request, target)

    async def _blobs(self, request: Request) -> Response:
        registry = self._cloud.store.get(self._parts.registry_id)
        if registry is None:
            raise OciError("NOT_FOUND")
        return await self._cloud.registries.blobs(registry).handle(request)

    def _authorize(self, request: Request, target: Target) -> None:
        """Refuse whoever has no token that is enough.

        Raises:
            OciError: 401 with the challenge.
        """
        needs = needs_of(request.method, target, request.query_params)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        service = self._parts.tokens.service
        if scheme.lower() == "basic":
            if self._sign_in.subject_of_basic(f"{scheme} {token}") is None:
                raise unauthorized(service, needs)
            return
        granted: Granted | None = None
        if scheme.lower() == "bearer":
            granted = self._parts.tokens.granted(token)
        if granted is None:
            raise unauthorized(service, needs)
        if not all(need.is_met(granted) for need in needs):
            raise unauthorized(service, needs, is_insufficient=True)

    async def _hand_on(self, request: Request, target: Target) -> Response:
        if target.kind in LISTS or target.kind.startswith("acr-"):
            response = self._lists.handle(request, target)
        else:
            if target.kind == "manifest" and request.method == "DELETE" and ":" not in (
                target.reference
            ):  # fmt: skip
                raise OciError("UNSUPPORTED", "a manifest is deleted by its digest")
            response = await self._parts.storage.handle(request, target)
        is_write = request.method in ("PUT", "DELETE", "POST") and response.status_code < 300  # noqa: PLR2004 # HTTP's own
        if is_write and target.kind == "manifest" and request.method == "PUT":
            self._date(target, response)
        if is_write and target.kind != "upload":
            self._parts.on_change()
        return response

    def _date(self, target: Target, response: Response) -> None:
        """Date a new manifest with the cloud's time, not with the wall's."""
        now, layout = self._cloud.clock.now(), self._parts.layout
        digest = response.headers.get("docker-content-digest", "")
        stamp(layout.revision(target.name, digest), now)
        if TAG.fullmatch(target.reference):
            stamp(layout.tag(target.name, target.reference), now)
            stamp(layout.tag_index(target.name, target.reference, digest), now)

    def _log(self, request: Request, response: Response) -> None:
        self._cloud.requests.append(
            {
                "at": self._cloud.clock.now(),
                "method": request.method,
                "path": request.url.path,
                "host": self._parts.tokens.service,
                "user_agent": request.headers.get("user-agent", ""),
                "status": response.status_code,
            }
        )
