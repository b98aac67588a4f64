"""Finds out who may use SSH: the CIDR of the settings, or the caller's own public address."""

from __future__ import annotations

import ipaddress

from vmpool.arm import web
from vmpool.arm.clients import Cloud
from vmpool.errors import PermanentError, TransientError, UsageError

ASK_WALL_SECONDS = 10.0
MEND = "set WAA_SSH_SOURCE to the CIDR that may use SSH"


def caller_address(cloud: Cloud) -> str:
    """CIDR that may use SSH; asked once per connection.

    Raises:
        UsageError: WAA_SSH_SOURCE is no IPv4 CIDR.
        TransientError: who answers with our address did not answer.
        PermanentError: it answered something else.
    """
    given = cloud.settings.ssh_source
    if given:
        return _as_cidr(given)
    return cloud.once(("caller-address",), lambda: _ask(cloud))


def _as_cidr(given: str) -> str:
    try:
        return str(ipaddress.IPv4Network(given.strip(), strict=False))
    except ValueError as error:
        raise UsageError(
            f"WAA_SSH_SOURCE {given!r} is no IPv4 CIDR such as 203.0.113.7/32"
        ) from error


def _ask(cloud: Cloud) -> str:
    url = cloud.my_address_url
    try:
        with web.client(cloud, ASK_WALL_SECONDS) as asking:
            answer = web.request(asking, url, "GET", url)
    except TransientError as error:
        raise TransientError(f"{error}: {MEND}") from error
    if answer.is_error:
        raise TransientError(f"{url} answers {answer.status_code}, not our address: {MEND}")
    return _own_address(url, answer.text)


def _own_address(url: str, text: str) -> str:
    try:
        return f"{ipaddress.IPv4Address(text.strip())}/32"
    except ValueError as error:
        raise PermanentError(f"{url} answers {text[:60]!r}, no IPv4 address: {MEND}") from error
