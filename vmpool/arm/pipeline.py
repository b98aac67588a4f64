"""How requests travel to Azure: one connection pool, bounded retries, a look at every answer.

Every client of this package is built on the same chain, so that timeouts and retries are stated
once. Refuses to know what is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import requests
from azure.core.pipeline import PipelineRequest, PipelineResponse, policies
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.core.policies import (
    ARMChallengeAuthenticationPolicy,
)
from requests.adapters import HTTPAdapter

from vmpool.arm.registration import RegistrationPolicy
from vmpool.arm.tokens import SharedToken
from vmpool.clock import CloudClock
from vmpool.moments import parse_time

if TYPE_CHECKING:
    from azure.core.credentials import SupportsTokenInfo, TokenCredential

CONNECT_WALL_SECONDS = 10.0
READ_WALL_SECONDS = 60.0
"""Azure answers a PUT of a VM within seconds; what takes longer is a long-running operation."""
LONGEST_WAIT_SECONDS = 60.0
"""A longer Retry-After (compute throttling says up to 1200) is the caller's to decide on."""
RETRIES = 3
BACKOFF_SECONDS = 0.5
TOTAL_SECONDS = 300.0
CONNECTIONS = 64
"""Kept open: 64 workers poll at once, and a TLS handshake costs more than a poll."""
USER_AGENT = "waa-vm-pool"


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, for whoever counts them."""

    method: str
    path: str
    query: str
    status: int


Watcher = Callable[[Exchange], None]


@dataclass(frozen=True)
class Access:
    """Where Azure is and how to get in.

    Attributes:
        endpoint: URL of Resource Manager.
        scope: what tokens are asked for.
        credential: where they come from.
        ca_file: CA certificate to trust, "" for the usual ones.
    """

    endpoint: str
    scope: str
    credential: TokenCredential
    ca_file: str = ""

    @property
    def verify(self) -> str | bool:
        """What `connection_verify` takes."""
        return self.ca_file or True

    @cached_property
    def tokens(self) -> SharedToken:
        """What all clients take their token from."""
        return SharedToken(self.credential)


class WatchPolicy(SansIOHTTPPolicy[HttpRequest, HttpResponse]):
    """Tells the clock what time the cloud has, and the watchers what was asked.

    Args:
        clock: learns from the `Date` of every answer.
        watchers: called with every exchange; the list may grow later.
        times: learn from operations.
    """

    def __init__(self, clock: CloudClock, watchers: list[Watcher], times: OperationTimes) -> None:
        super().__init__()
        self._clock = clock
        self._watchers = watchers
        self._times = times

    def on_response(
        self,
        request: PipelineRequest[HttpRequest],
        response: PipelineResponse[HttpRequest, HttpResponse],
    ) -> None:
        """Called for each attempt, retries too."""
        answer = response.http_response
        with suppress(KeyError, ValueError):  # an answer without a usable Date tells no time
            self._clock.observe(parsedate_to_datetime(answer.headers["date"]))
        url = urlsplit(request.http_request.url)
        self._times.observe(request.http_request.method, url.path, answer)
        if self._watchers:
            seen = Exchange(request.http_request.method, url.path, url.query, answer.status_code)
            for watcher in tuple(self._watchers):
                watcher(seen)


class OperationTimes:
    """When Azure began and ended the last operation on each resource, by Azure's own clock.

    Polls of an operation tell it to the microsecond; the SDK throws it away. Compute only: other
    providers' polls don't tell.
    """

    def __init__(self) -> None:
        self._resources: dict[str, str] = {}
        self._times: dict[str, tuple[datetime | None, datetime | None]] = {}

    def of(self, resource_id: str) -> tuple[datetime | None, datetime | None]:
        """Begin and end, each None if it is not known (yet)."""
        return self._times.get(resource_id.lower(), (None, None))

    def observe(self, method: str, path: str, answer: HttpResponse) -> None:
        """Learn from an answer: one that begins an operation, or one that tells how it goes."""
        begun = answer.headers.get("azure-asyncoperation")
        if begun and method != "GET":
            resource = path.lower()
            if method == "POST":  # .../virtualMachines/NAME/start
                resource = resource.rpartition("/")[0]
            self._times.pop(resource, None)
            self._resources[urlsplit(begun).path.lower()] = resource
        elif (resource := self._resources.get(path.lower(), "")) and answer.content:
            with suppress(ValueError, AttributeError):  # not a status document
                told = answer.json()
                times = parse_time(told.get("startTime")), parse_time(told.get("endTime"))
                if any(times):
                    self._times[resource] = times


class BoundedRetryPolicy(policies.RetryPolicy[HttpRequest, HttpResponse]):
    """Azure's retries, but a wait that is too long is an answer, not a nap."""

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """Whether to send the request again."""
        wait = self.get_retry_after(response)
        if wait is not None and wait > LONGEST_WAIT_SECONDS:
            return False
        return bool(super().is_retry(settings, response))


def make_transport(access: Access) -> RequestsTransport:
    """The connection pool that all clients share."""
    session = requests.Session()
    # A proxy of the environment is for the world outside, not for a server with its own CA.
    session.trust_env = not access.ca_file
    session.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    return RequestsTransport(
        session=session,
        session_owner=False,
        connection_verify=access.verify,
        connection_timeout=CONNECT_WALL_SECONDS,
        read_timeout=READ_WALL_SECONDS,
        use_env_settings=not access.ca_file,
    )


def make_policies(
    access: Access, clock: CloudClock, watchers: list[Watcher], times: OperationTimes
) -> list[Any]:
    """The chain of one client, outermost first (azure-core's policies share no exact type)."""
    return [
        policies.RequestIdPolicy(),
        policies.HeadersPolicy(),
        policies.UserAgentPolicy(USER_AGENT),
        policies.ContentDecodePolicy(),
        RegistrationPolicy(clock),
        BoundedRetryPolicy(
            retry_total=RETRIES, retry_backoff_factor=BACKOFF_SECONDS, timeout=TOTAL_SECONDS
        ),
        ARMChallengeAuthenticationPolicy(cast("SupportsTokenInfo", access.tokens), access.scope),
        WatchPolicy(clock, watchers, times),
    ]
