"""Who may call: the service principal of one local Azure, its tokens, and Azure's 401s.

Tokens are real JWTs (RS256). They age with the server's own running time: a clock that is advanced
by hand does not expire the token of a client that cannot know of it.
"""

from __future__ import annotations

import base64
import secrets
import uuid
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local_azure.clock import CloudClock
from local_azure.errors import AzureError
from local_azure.moments import plain
from local_azure.state import Store

LIFETIME_WALL_SECONDS = 3599
"""As Azure AD's; clients count it on the wall."""
MOST_TOKENS = 256
"""Tokens whose signature is remembered to be ours: a client shows the same one a thousand times."""
PUBLIC_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
"""What the public clouds' clients ask for; accepted beside our own endpoint."""

REGISTRY_AUDIENCE = "https://containerregistry.azure.net"
"""What az asks for to sign in to a container registry; Resource Manager refuses such tokens."""


@dataclass(frozen=True)
class Identity:
    """The ids and secrets of one local Azure, made once."""

    tenant_id: str
    client_id: str
    client_secret: str
    object_id: str
    subscription_id: str
    admin_token: str

    @classmethod
    def load(cls, store: Store) -> Identity:
        """Read the identity, making it when the store is new."""

        def kept(key: str, value: str) -> str:
            found = store.meta(key)
            if not found:
                store.set_meta(key, value)
            return found or value

        names = ("tenant_id", "client_id", "object_id", "subscription_id")
        ids = {name: kept(name, str(uuid.uuid4())) for name in names}
        words = {
            name: kept(name, secrets.token_hex(30)) for name in ("client_secret", "admin_token")
        }
        return cls(**ids, **words)


class Tokens:
    """Signs and checks access tokens.

    Args:
        identity: in whose name.
        clock: dates them.
        key_file: RSA key, made when missing.
        endpoint: our own address, an audience of its own.
    """

    def __init__(
        self, identity: Identity, clock: CloudClock, key_file: Path, endpoint: str
    ) -> None:
        self._identity = identity
        self._clock = clock
        self._key = _load_key(key_file)
        self._audiences = (endpoint, *PUBLIC_AUDIENCES)
        self.not_before = 0.0
        self._claims = lru_cache(MOST_TOKENS)(self._verified)

    def accepts_audience(self, audience: str) -> bool:
        """Whether tokens for that resource are ours to give."""
        return audience.rstrip("/") in (*self._audiences, REGISTRY_AUDIENCE)

    def issue(self, audience: str) -> str:
        """An access token for `audience`."""
        now = self._clock.now()
        issuer = f"https://sts.windows.net/{self._identity.tenant_id}/"
        claims = {
            "aud": audience,
            "iss": issuer,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now + LIFETIME_WALL_SECONDS * self._clock.speed),
            "appid": self._identity.client_id,
            "appidacr": "1",
            "idp": issuer,
            "idtyp": "app",
            "oid": self._identity.object_id,
            "sub": self._identity.object_id,
            "tid": self._identity.tenant_id,
            "ver": "1.0",
            "xms_skipped": self._clock.skipped,
            "xms_issued": now,
        }
        return jwt.encode(claims, self._key, "RS256", headers={"kid": self.key_id})

    def expire_all(self) -> None:
        """Refuse, from now on, every token that was given so far."""
        self.not_before = self._clock.now()

    def check(self, authorization: str) -> None:
        """Check an Authorization header.

        Raises:
            AzureError: 401, in Azure's words.
        """
        scheme, _, token = authorization.partition(" ")
        if not token or scheme.lower() != "bearer":
            raise _refusal(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
                "The authentication failed because of missing 'Authorization' header.",
            )
        self._check_claims(self._claims(token), self._audiences)

    def subject_of(self, token: str) -> str:
        """Who a token stands for that is shown to a container registry.

        Raises:
            AzureError: 401, it is not valid.
        """
        claims = self._claims(token)
        self._check_claims(claims, (*self._audiences, REGISTRY_AUDIENCE))
        return str(claims["sub"])

    def _verified(self, token: str) -> dict[str, Any]:
        """What a token of ours says; whether it still counts is another question."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key.public_key(),
                ["RS256"],
                options={
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.PyJWTError as error:
            text = "The access token is invalid."
            raise _refusal("InvalidAuthenticationToken", text, text) from error
        return claims

    def _check_claims(self, claims: dict[str, Any], audiences: tuple[str, ...]) -> None:
        if str(claims["aud"]).rstrip("/") not in audiences:
            text = (
                "The access token has been obtained for wrong audience or resource "
                f"'{claims['aud']}'."
            )
            raise _refusal("InvalidAuthenticationTokenAudience", text, text)
        expires = claims["exp"] + (self._clock.skipped - claims["xms_skipped"])
        now = self._clock.now()
        is_recalled = claims["xms_issued"] < self.not_before
        if expires <= now or is_recalled:
            ended = self.not_before if is_recalled else expires
            text = (
                f"The access token expiry UTC time '{plain(ended)}' is earlier than "
                f"current UTC time '{plain(now)}'."
            )
            raise _refusal("ExpiredAuthenticationToken", text, text)

    @property
    def key_id(self) -> str:
        """Key id in tokens and in the key set."""
        return f"local-{self._key.public_key().public_numbers().n % 10**12:012d}"

    def key_set(self) -> dict[str, Any]:
        """The public keys as JWKS."""
        numbers = self._key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.key_id,
            "n": _unsigned(numbers.n),
            "e": _unsigned(numbers.e),
        }
        return {"keys": [key]}


def _refusal(code: str, message: str, description: str) -> AzureError:
    challenge = (
        'Bearer authorization_uri="https://login.windows.net/", error="invalid_token", '
        f'error_description="{description}"'
    )
    return AzureError(401, code, message, headers={"WWW-Authenticate": challenge}, is_gateway=True)


def _unsigned(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _load_key(file: Path) -> rsa.RSAPrivateKey:
    if not file.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        scratch = file.with_suffix(".new")
        scratch.touch(mode=0o600)
        scratch.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        scratch.replace(file)
    loaded = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise TypeError(f"{file} is not an RSA key")
    return loaded
