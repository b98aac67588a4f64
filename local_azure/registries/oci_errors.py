"""Refusals of a registry: the OCI distribution API's error shape, ACR's words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from local_azure.registries.access import Need

UNAUTHORIZED = (
    "authentication required, visit https://aka.ms/acr/authorization for more information."
)
MESSAGES = {
    "BLOB_UNKNOWN": (404, "blob unknown to registry"),
    "BLOB_UPLOAD_INVALID": (416, "blob upload invalid"),
    "BLOB_UPLOAD_UNKNOWN": (404, "blob upload unknown to registry"),
    "DIGEST_INVALID": (400, "provided digest did not match uploaded content"),
    "MANIFEST_BLOB_UNKNOWN": (404, "blob unknown to registry"),
    "MANIFEST_INVALID": (400, "manifest invalid"),
    "MANIFEST_UNKNOWN": (404, "manifest unknown"),
    "NAME_INVALID": (400, "invalid repository name"),
    "NAME_UNKNOWN": (404, "repository name not known to registry"),
    "NOT_FOUND": (404, "the requested data does not exist"),
    "TAG_INVALID": (400, "manifest tag did not match URI"),
    "TAG_UNKNOWN": (404, "the specified tag does not exist"),
    "UNAVAILABLE": (503, "service unavailable"),
    "UNSUPPORTED": (405, "the operation is unsupported"),
}
"""Status and message by code, as the distribution specification and its registry have them."""


@dataclass
class OciError(Exception):
    """A refusal that goes to the client as it stands.

    Attributes:
        code: one of `MESSAGES`, or any with `status` and `message`.
        detail: what else there is to say.
        status: HTTP status; 0 for the code's own.
        message: text; "" for the code's own.
        headers: extra answer headers.
    """

    code: str
    detail: Any = None
    status: int = 0
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """The answer."""
        status, message = MESSAGES.get(self.code, (500, "internal server error"))
        error = {"code": self.code, "message": self.message or message}
        if self.detail is not None:
            error["detail"] = self.detail
        content = json.dumps({"errors": [error]})
        return Response(
            content, self.status or status, self.headers, "application/json; charset=utf-8"
        )


def unauthorized(host: str, needs: list[Need], *, is_insufficient: bool = False) -> OciError:
    """The 401 that tells where to get a token, and for what.

    Args:
        host: login server.
        needs: what the request needs.
        is_insufficient: a valid token was shown that does not allow it.
    """
    challenge = f'Bearer realm="https://{host}/oauth2/token",service="{host}"'
    if needs:
        challenge += f',scope="{" ".join(need.scope for need in needs)}"'
    if is_insufficient:
        challenge += ',error="insufficient_scope"'
    detail = [
        {"Type": need.kind, "Class": "", "Name": need.name, "Action": action}
        for need in needs
        for action in need.actions
    ]
    return OciError(
        "UNAUTHORIZED",
        detail or None,
        401,
        UNAUTHORIZED,
        {"WWW-Authenticate": challenge},
    )
