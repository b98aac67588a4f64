"""HTTP beside Resource Manager: registries, price lists, who-am-I. Trusts what the connection does.

A proxy of the environment is for the world outside, not for a local Azure with a CA of its own.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from vmpool.arm.clients import Cloud
from vmpool.errors import TransientError

if TYPE_CHECKING:
    import httpx


def client(cloud: Cloud, timeout_seconds: float) -> httpx.Client:
    """A client for several requests; to be closed.

    Args:
        cloud: connection.
        timeout_seconds: wall seconds for each step of a request.
    """
    import httpx  # noqa: PLC0415 # 0.2 s that a status does not need

    ca_file = cloud.access.ca_file
    return httpx.Client(
        verify=ssl.create_default_context(cafile=ca_file or None),
        timeout=timeout_seconds,
        trust_env=not ca_file,
        follow_redirects=True,  # which takes credentials to no other host
    )


def request(
    asking: httpx.Client, what: str, method: str, url: str, **options: Any
) -> httpx.Response:
    """Send a request; any answer is one, whatever its status.

    Args:
        asking: the client.
        what: who is asked, for the message: an address may be a secret.
        method: HTTP method.
        url: where to.
        options: as httpx takes them.

    Raises:
        TransientError: there is no answer.
    """
    import httpx  # noqa: PLC0415 # as above

    try:
        return asking.request(method, url, **options)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise TransientError(f"{what} can't be asked: {reason}") from error
