"""Plain requests to Resource Manager: reads, lists, tags. Documents stay as Azure wrote them.

For what needs no model: a status asks three lists and decodes six fields, which is no reason to
load 45 MB of generated classes. Refuses to start long-running operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest
from azure.mgmt.core.exceptions import ARMErrorFormat

from vmpool.arm.clients import Cloud
from vmpool.arm.errors import azure_code, translated
from vmpool.errors import NotFoundError

Json = dict[str, Any]
T = TypeVar("T")

MOST_AT_ONCE = 16
"""Requests of one call in flight; ARM's read bucket holds 250 and gains 25 a second."""


def send(
    cloud: Cloud, method: str, path: str, query: dict[str, str], body: Json | None = None
) -> Json:
    """Send one request.

    Args:
        cloud: connection.
        method: HTTP method.
        path: ARM id or path below it; a whole URL for the next page of a list.
        query: parameters, `api-version` among them.
        body: JSON to send.

    Returns:
        The body of the answer, empty if there is none.

    Raises:
        VmPoolError: Azure refused or could not be asked.
    """
    is_whole = path.startswith("https://")
    url = path if is_whole else f"{cloud.access.endpoint}{path}"
    request = HttpRequest(method, url, params=None if is_whole else query, json=body)
    with translated(f"{method} {path.partition('?')[0]}"):
        answer = cloud.arm.send_request(request)
        if not answer.status_code < 300:  # noqa: PLR2004 # HTTP's own border of success
            raise HttpResponseError(response=answer, error_format=ARMErrorFormat)
    found: Json = answer.json() if answer.content else {}
    return found


def get(cloud: Cloud, path: str, api_version: str, query: dict[str, str] | None = None) -> Json:
    """The document at a path; see `send`."""
    return send(cloud, "GET", path, {"api-version": api_version} | (query or {}))


def find(cloud: Cloud, path: str, api_version: str) -> Json | None:
    """The document at a path, None if there is none.

    Raises:
        VmPoolError: Azure refused or could not be asked; also when the subscription is unknown.
    """
    try:
        return get(cloud, path, api_version)
    except NotFoundError:
        return None


def list_all(
    cloud: Cloud, path: str, api_version: str, query: dict[str, str] | None = None
) -> list[Json]:
    """Every item of a list, all pages.

    A resource group that does not exist (yet) holds nothing.

    Raises:
        VmPoolError: Azure refused or could not be asked.
    """
    items: list[Json] = []
    where: str | None = path
    while where:
        try:
            page = get(cloud, where, api_version, query)
        except NotFoundError as error:
            if azure_code(error) == "ResourceGroupNotFound":
                return []
            raise
        items += page.get("value", [])
        where = page.get("nextLink")
    return items


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make calls in parallel.

    Returns:
        What they returned, in their order.

    Raises:
        VmPoolError: the first that one of them raised, after all have ended.
    """
    if len(calls) < 2:  # noqa: PLR2004 # a pool of threads for one call is waste
        return [call() for call in calls]
    with ThreadPoolExecutor(min(len(calls), MOST_AT_ONCE)) as pool:
        futures = [pool.submit(copy_context().run, call) for call in calls]
    return [future.result() for future in futures]
