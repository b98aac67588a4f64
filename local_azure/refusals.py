"""Refusals of requests that no handler takes, worded as Resource Manager words them."""

from __future__ import annotations

import re

from local_azure import errors
from local_azure.errors import AzureError
from local_azure.route import Routes
from local_azure.wire import Call, Reply

KNOWN_ELSEWHERE = (
    "microsoft.storage",
    "microsoft.keyvault",
    "microsoft.web",
    "microsoft.sqlvirtualmachine",
    "microsoft.managedidentity",
)
"""Providers that exist in Azure and are not registered here."""


def reply(error: AzureError) -> Reply:
    """The answer that tells a refusal."""
    headers = dict(error.headers)
    if error.is_gateway:
        headers["x-ms-failure-cause"] = "gateway"
    return Reply(error.status, {"error": error.error()}, headers)


def bad_api_version(call: Call) -> AzureError:
    """The api-version is missing or is not one."""
    if not call.api_version:
        return errors.gateway(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    return errors.gateway(
        400,
        "InvalidApiVersionParameter",
        f"The api-version '{call.api_version}' is invalid. The supported versions are dates like "
        "'2024-07-01'.",
    )


def too_large() -> AzureError:
    """The body is larger than Resource Manager takes."""
    return errors.gateway(
        413,
        "RequestContentTooLarge",
        "The request content size exceeds the maximum size of 4 MB.",
    )


def no_route(call: Call, table: Routes) -> AzureError:
    """Nothing answers at this path, or not with this method."""
    if table.methods(call.path):
        return errors.gateway(
            405,
            "MethodNotAllowed",
            f"The requested resource does not support http method '{call.method}'.",
        )
    found = re.fullmatch(
        r".*/providers/(?P<namespace>[^/]+)(/(?P<rest>.*))?", call.path, re.IGNORECASE
    )
    if found is None:
        return errors.gateway(404, "NotFound", f"No resource was found at '{call.path}'.")
    return _no_type(call, table, found["namespace"], found["rest"] or "")


def _no_type(call: Call, table: Routes, namespace: str, rest: str) -> AzureError:
    known = {name.lower(): name for name in table.types()}
    if namespace.lower() in KNOWN_ELSEWHERE:
        return errors.not_registered(namespace)
    if namespace.lower() not in known:
        return errors.gateway(
            404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid."
        )
    kind = "/".join(rest.split("/")[::2])
    return errors.gateway(
        404,
        "InvalidResourceType",
        f"The resource type '{kind}' could not be found in the namespace "
        f"'{known[namespace.lower()]}' for api version '{call.api_version}'.",
    )
