"""One token for all clients of a connection, asked for once however many threads need it.

Each of Azure's clients keeps its own and lets every thread ask that finds none: the first nine
lists of an operation would sign in nine times, and with `az login` start `az` nine times.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from azure.core.credentials import (
        AccessTokenInfo,
        SupportsTokenInfo,
        TokenCredential,
        TokenRequestOptions,
    )

RENEWED_BEFORE_SECONDS = 300.0
"""Before a token ends; as azure-core does, so that no client is handed one that it sends back."""


class SharedToken:
    """A credential that remembers its token.

    Args:
        credential: where tokens come from; one of azure-identity's.
    """

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = cast("SupportsTokenInfo", credential)
        self._lock = threading.Lock()
        self._known: dict[tuple[str, ...], AccessTokenInfo] = {}

    def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        """The token; a new one when it is due, or when Azure demands one with certain claims.

        Args:
            scopes: what it is for.
            options: what azure-core asks for beside that.

        Raises:
            ClientAuthenticationError: the credential gives none.
        """
        with self._lock:
            known = None if options else self._known.get(scopes)
            if known is None or _is_due(known):
                known = self._credential.get_token_info(*scopes, options=options or {})
                self._known[scopes] = known
            return known


def _is_due(token: AccessTokenInfo) -> bool:
    now = time.time()
    return token.expires_on - now < RENEWED_BEFORE_SECONDS or bool(
        token.refresh_on and token.refresh_on <= now
    )
