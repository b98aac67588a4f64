"""A registry's sign-in: an Azure AD token becomes a refresh token, that one an access token.

`POST /oauth2/exchange`, `POST /oauth2/token` and the form that docker and skopeo use, `GET
/oauth2/token` with Basic. The one principal is an Owner: it gets whatever it asks for. So does the
admin user, while it is enabled.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_azure.errors import AzureError
from local_azure.registries.access import parse_scopes
from local_azure.registries.oci_errors import UNAUTHORIZED, OciError, unauthorized
from local_azure.registries.tokens import RegistryTokens

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

TOKEN_USER = "00000000-0000-0000-0000-000000000000"  # noqa: S105 # not a secret: stands for "a token"
FORM_LIMIT = 256 * 1024
Form = dict[str, list[str]]


class SignIn:
    """The sign-in of one registry.

    Args:
        cloud: whose Azure AD tokens count.
        registry_id: id of the registry's record.
        tokens: its tokens.
    """

    def __init__(self, cloud: Cloud, registry_id: str, tokens: RegistryTokens) -> None:
        self._cloud, self._registry_id, self._tokens = cloud, registry_id, tokens

    async def exchange(self, request: Request) -> Response:
        """A refresh token for an Azure AD token.

        Raises:
            OciError: the request will not do, or the token is not valid.
        """
        form = await _form(request)
        if _one(form, "grant_type") != "access_token":
            raise _bad("the only grant_type that can be exchanged here is access_token")
        self._check_service(form)
        try:
            subject = self._cloud.tokens.subject_of(_one(form, "access_token"))
        except AzureError as error:
            raise OciError("UNAUTHORIZED", error.message, 401, UNAUTHORIZED) from error
        tenant = self._cloud.identity.tenant_id
        if _one(form, "tenant") not in ("", tenant):
            raise OciError("UNAUTHORIZED", "the token is of another tenant", 401, UNAUTHORIZED)
        return JSONResponse({"refresh_token": self._tokens.refresh_token(tenant, subject)})

    async def token(self, request: Request) -> Response:
        """An access token for a refresh token or a password.

        Raises:
            OciError: the request will not do, or who asks is not known.
        """
        if request.method == "GET":
            form = parse_qs(request.url.query)
            subject = self.subject_of_basic(request.headers.get("authorization", ""))
        else:
            form = await _form(request)
            subject = self._subject_of_form(form)
        self._check_service(form)
        if subject is None:
            raise unauthorized(self._tokens.service, [])
        granted = parse_scopes(form.get("scope", []))
        return JSONResponse({"access_token": self._tokens.access_token(granted, subject)})

    def subject_of_basic(self, authorization: str) -> str | None:
        """Who signs in by name and password; None when nobody we know."""
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self._subject_of(name, password)

    def _subject_of_form(self, form: Form) -> str | None:
        kind = _one(form, "grant_type")
        if kind == "refresh_token":
            return self._tokens.subject_of(_one(form, "refresh_token"))
        if kind == "password":
            return self._subject_of(_one(form, "username"), _one(form, "password"))
        raise _bad("grant_type is refresh_token or password")

    def _subject_of(self, name: str, password: str) -> str | None:
        if name == TOKEN_USER:
            return self._tokens.subject_of(password)
        registry = self._cloud.store.get(self._registry_id)
        if registry is None or not registry.properties.get("adminUserEnabled"):
            return None
        known = registry.hidden.get("passwords", {}).values()
        is_known = any(secrets.compare_digest(password.encode(), each.encode()) for each in known)
        return name if is_known and name.lower() == registry.name.lower() else None

    def _check_service(self, form: Form) -> None:
        service = _one(form, "service")
        if service != self._tokens.service:
            raise _bad(f"service {service!r} is not this registry")


async def _form(request: Request) -> Form:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > FORM_LIMIT:
            raise _bad("the form is too large")
    return parse_qs(content.decode(errors="replace"))


def _one(form: Form, name: str) -> str:
    return form.get(name, [""])[0]


def _bad(message: str) -> OciError:
    return OciError("BAD_REQUEST", None, 400, message)
