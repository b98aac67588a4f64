"""A resource provider that the subscription never used is registered on the way, as by the portal.

The SDK has a policy of its own for this, which looks every 10 s of the wall and without end. Here
the wait follows the cloud's clock and has a limit, many requests at once share one registration,
and only who makes something begins one.
"""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy
from azure.core.rest import HttpRequest, HttpResponse

from vmpool.clock import CloudClock

READING = ("GET", "HEAD", "DELETE")
"""What is not registered holds nothing: no reason to register it."""
CONFLICT, OK = 409, 200
UNREGISTERED = "MissingSubscriptionRegistration"
PROVIDERS_API = "2021-04-01"
LONGEST_CLOUD_SECONDS, POLL_CLOUD_SECONDS = 120.0, 5.0
PROVIDER = re.compile(
    r"(https://[^?]*?/subscriptions/[^/?]+)/.*?providers/([^/?]+)/", re.IGNORECASE
)
Request = PipelineRequest[HttpRequest]
Response = PipelineResponse[HttpRequest, HttpResponse]


class RegistrationPolicy(HTTPPolicy[HttpRequest, HttpResponse]):
    """Registers a provider that a request found missing, once, and sends the request again.

    Args:
        clock: says how long to wait on the wall.
    """

    def __init__(self, clock: CloudClock) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._done: dict[str, bool] = {}

    def send(self, request: Request) -> Response:
        """Send a request, if need be twice."""
        answer = self.next.send(request)
        found = PROVIDER.match(request.http_request.url)
        is_reading = request.http_request.method in READING
        if found is None or is_reading or not _is_unregistered(answer):
            return answer
        where, namespace = found.groups()
        with self._lock:
            if namespace.lower() not in self._done:
                url = f"{where}/providers/{namespace}"
                self._done[namespace.lower()] = self._register(request, url)
        return self.next.send(request) if self._done[namespace.lower()] else answer

    def _register(self, request: Request, url: str) -> bool:
        """Register; False where that is forbidden or takes too long."""
        answer = self._ask(request, "POST", f"{url}/register")
        left = LONGEST_CLOUD_SECONDS
        while _status(answer) == OK and not _is_registered(answer) and left > 0:
            time.sleep(self._clock.wall_seconds(POLL_CLOUD_SECONDS))
            left -= POLL_CLOUD_SECONDS
            answer = self._ask(request, "GET", url)
        return _status(answer) == OK and _is_registered(answer)

    def _ask(self, request: Request, method: str, url: str) -> Response:
        asked = HttpRequest(method, url, params={"api-version": PROVIDERS_API})
        return self.next.send(PipelineRequest(asked, request.context))


def _status(answer: Response) -> int:
    return answer.http_response.status_code


def _body(answer: Response) -> Any:
    """The JSON of an answer; a streamed one is read now, and kept for whoever reads it later."""
    try:
        return json.loads(answer.http_response.read())
    except ValueError:
        return {}


def _is_registered(answer: Response) -> bool:
    return bool(_body(answer).get("registrationState") == "Registered")


def _is_unregistered(answer: Response) -> bool:
    if _status(answer) != CONFLICT:
        return False
    return bool((_body(answer).get("error") or {}).get("code") == UNREGISTERED)
