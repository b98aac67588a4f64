"""The tokens of one registry: refresh tokens for callers, access tokens for scopes.

Both are JWTs, signed with a key of the local Azure, good for one registry only: one that is made
again under the same name does not take them. They age with the server's running time and with time
that was skipped by hand: at a high speed a client that is at work is not cut off, and a test that
lets three hours pass finds the token expired.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import jwt

from local_azure.registries.access import Granted

if TYPE_CHECKING:
    from local_azure.clock import CloudClock

REFRESH_SECONDS = 3 * 3600
"""Azure's documentation of `az acr login`: valid for 3 hours."""
ACCESS_SECONDS = 75 * 60
"""What `exp` minus `iat` is in the access tokens of Azure's OAuth documentation (4500 s)."""
ISSUER = "Azure Container Registry"
LIFETIMES = {"refresh_token": REFRESH_SECONDS, "access_token": ACCESS_SECONDS}


class RegistryTokens:
    """Signs and checks the tokens of a registry.

    Args:
        clock: dates them.
        key: secret of the local Azure.
        service: login server.
        registry_guid: the registry.
    """

    def __init__(self, clock: CloudClock, key: str, service: str, registry_guid: str) -> None:
        self._clock, self._key = clock, key
        self.service = service
        self._registry = registry_guid

    def refresh_token(self, tenant: str, subject: str) -> str:
        """A token that stands for the caller for three hours."""
        permissions = {"actions": ["read", "write", "delete", "metadata/read", "metadata/write"]}
        return self._issue("refresh_token", tenant=tenant, sub=subject, permissions=permissions)

    def access_token(self, granted: Granted, subject: str) -> str:
        """A token for what is granted."""
        access = [
            {"Type": kind, "Name": name, "type": kind, "name": name, "actions": sorted(actions)}
            for (kind, name), actions in granted.items()
        ]
        return self._issue("access_token", access=access, sub=subject)

    def subject_of(self, token: str) -> str | None:
        """Who a refresh token stands for, None when it is not valid here and now."""
        claims = self._check("refresh_token", token)
        return str(claims["sub"]) if claims else None

    def granted(self, token: str) -> Granted | None:
        """What an access token allows, None when it is not valid here and now."""
        claims = self._check("access_token", token)
        if claims is None:
            return None
        return {(each["type"], each["name"]): frozenset(each["actions"])
                for each in claims["access"]}  # fmt: skip

    def _issue(self, kind: str, **claims: Any) -> str:
        now = self._clock.now()
        common = {
            "jti": str(uuid.uuid4()),
            "iss": ISSUER,
            "aud": self.service,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now + LIFETIMES[kind] * self._clock.speed),
            "version": "1.0",
            "rid": self._registry,
            "grant_type": kind,
            "xms_issued": now,
            "xms_skipped": self._clock.skipped,
        }
        return jwt.encode(common | claims, self._key, "HS256")

    def _check(self, kind: str, token: str) -> dict[str, Any] | None:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                ["HS256"],
                options={
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.PyJWTError:
            return None
        is_ours = (
            claims.get("iss") == ISSUER
            and claims.get("grant_type") == kind
            and claims.get("rid") == self._registry
            and claims.get("aud") == self.service
        )
        return claims if is_ours and self._age_seconds(claims) < LIFETIMES[kind] else None

    def _age_seconds(self, claims: dict[str, Any]) -> float:
        skipped = self._clock.skipped - float(claims["xms_skipped"])
        passed = self._clock.now() - float(claims["xms_issued"]) - skipped
        return passed / self._clock.speed + skipped
