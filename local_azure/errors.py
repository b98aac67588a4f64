"""Azure's refusals as exceptions: one class, and a constructor for each refusal that we speak.

Messages are Azure's own words where a recording or a published source gives them, because clients
match on codes and people search for texts. Refuses to hold logic: who refuses is the provider.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_azure.wire import Call

API_VERSIONS = ["2025-04-01", "2024-11-01", "2024-07-01", "2023-09-01", "2020-06-01"]
"""What we say that we serve; any date is taken, as clients send a dozen different ones."""
NOT_FOUND_HELP = "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
CONFLICT = (
    "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
    "https://aka.ms/activitylog to get more details on the conflicting requests."
)
PREEMPTED = "Operation execution has been preempted by a more recent operation."
ALLOCATION = (
    "Allocation failed. We do not have sufficient capacity for the requested VM size in this "
    "region. Read more about improving likelihood of allocation success at "
    "http://aka.ms/allocation-guidance"
)


@dataclass
class AzureError(Exception):
    """A refusal that goes to the client as it stands.

    Attributes:
        status: HTTP status.
        code: Azure's error code.
        message: Azure's text.
        details: inner errors; Microsoft.Network always sends the list, even when it is empty.
        target: the parameter that is wrong, if Azure names it.
        headers: extra answer headers.
        is_gateway: the front door refused (`x-ms-failure-cause: gateway`), not the provider.
    """

    status: int
    code: str
    message: str
    details: list[dict[str, Any]] | None = None
    target: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    is_gateway: bool = False

    def error(self) -> dict[str, Any]:
        """The `error` object, as in answers and in operation results."""
        document: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target is not None:
            document["target"] = self.target
        if self.details is not None:
            document["details"] = self.details
        return document


def gateway(status: int, code: str, message: str) -> AzureError:
    """A refusal of Resource Manager itself, before any provider saw the request."""
    return AzureError(status, code, message, is_gateway=True)


def group_not_found(name: str) -> AzureError:
    """The resource group does not exist."""
    return gateway(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def group_is_going(name: str) -> AzureError:
    """The resource group is being deleted."""
    return gateway(
        409,
        "ResourceGroupBeingDeleted",
        f"The resource group '{name}' is in deprovisioning state and cannot perform this "
        "operation.",
    )


def resource_not_found(kind: str, name: str, group: str) -> AzureError:
    """The resource does not exist (`kind` is like Microsoft.Compute/virtualMachines)."""
    return gateway(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. "
        f"{NOT_FOUND_HELP}",
    )


def parent_not_found(kind: str, parent: str) -> AzureError:
    """What a new nested resource shall stand in does not exist (`kind` without its namespace)."""
    return gateway(
        404,
        "ParentResourceNotFound",
        f"Failed to perform 'write' on resource(s) of type '{kind}', because the parent resource "
        f"'{parent}' could not be found.",
    )


def has_nested(children: list[str]) -> AzureError:
    """A resource is not deleted before those in it (`children`: type and names of each)."""
    return AzureError(
        409,
        "CannotDeleteResource",
        "Cannot delete resource while nested resources exist. Some existing nested resource IDs "
        f"include: '{', '.join(children)}'. Please delete all nested resources before deleting "
        "this resource.",
    )


def subscription_not_found(name: str) -> AzureError:
    """The subscription is not one of the caller's."""
    return gateway(404, "SubscriptionNotFound", f"The subscription '{name}' could not be found.")


def invalid_parameter(target: str, message: str) -> AzureError:
    """A value of the request body is not acceptable."""
    return AzureError(400, "InvalidParameter", message, target=target)


def bad_body(message: str) -> AzureError:
    """The request body is not the JSON that is needed."""
    return gateway(400, "InvalidRequestContent", message)


def bad_filter(text: str) -> AzureError:
    """A `$filter` that the list does not know."""
    return gateway(
        400,
        "InvalidFilterInQueryString",
        f"Invalid $filter '{text}' specified in the query string.",
    )


def not_allowed(message: str) -> AzureError:
    """The resource's state forbids the operation."""
    return AzureError(409, "OperationNotAllowed", message)


def conflict() -> AzureError:
    """Another operation on the same VM runs."""
    return AzureError(409, "Conflict", CONFLICT)


def network(status: int, code: str, message: str) -> AzureError:
    """A refusal of Microsoft.Network, which always sends `details`."""
    return AzureError(status, code, message, details=[])


def invalid_reference(missing: str, by: str) -> AzureError:
    """A resource named in the body does not exist in this region."""
    return network(
        400,
        "InvalidResourceReference",
        f"Resource {missing} referenced by resource {by} was not found. Please make sure that the "
        "referenced resource exists, and that both resources are in the same region.",
    )


def precondition_failed() -> AzureError:
    """If-Match or If-None-Match does not hold."""
    return AzureError(
        412,
        "PreconditionFailed",
        "Precondition failed. The resource does not have the etag that the request names.",
    )


def not_registered(namespace: str) -> AzureError:
    """The provider is known but not registered in the subscription."""
    message = (
        f"The subscription is not registered to use namespace '{namespace}'. See "
        "https://aka.ms/rps-not-found for how to register subscriptions."
    )
    detail = {
        "code": "MissingSubscriptionRegistration",
        "target": namespace,
        "message": message,
    }
    return AzureError(
        409, "MissingSubscriptionRegistration", message, details=[detail], is_gateway=True
    )


def no_provider(call: Call, location: str, kind: str) -> AzureError:
    """No resource provider serves a path in that region (`kind` is like `locations/usages`)."""
    known = ", ".join(call.cloud.catalog.regions)
    return gateway(
        400,
        "NoRegisteredProviderFound",
        f"No registered resource provider found for location '{location}' and API version "
        f"'{call.api_version}' for type '{kind}'. The supported api-versions are "
        f"'{', '.join(API_VERSIONS)}'. The supported locations are '{known}'.",
    )


def location_unknown(location: str, kind: str, known: list[str]) -> AzureError:
    """The region is not one of ours."""
    return gateway(
        400,
        "LocationNotAvailableForResourceType",
        f"The provided location '{location}' is not available for resource type '{kind}'. List of "
        f"available regions for the resource type is '{','.join(known)}'.",
    )


def location_changed(name: str, kind: str, old: str) -> AzureError:
    """A resource of that name exists in another region."""
    return gateway(
        409,
        "InvalidResourceLocation",
        f"The resource '{name}' already exists in location '{old}' in resource type '{kind}'. "
        "A resource with the same name cannot be created in another location. Please select a new "
        "resource name.",
    )
