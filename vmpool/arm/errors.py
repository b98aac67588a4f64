"""Azure's refusals become ours here, once, and stay chained to the original.

The class decides what happens next (see `vmpool.errors`), so this table decides what is tried
again, what goes to the next place, and what a person has to mend. Codes come before statuses: a
failed long-running operation arrives with status 200, and 409 means a dozen different things.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ODataV4Format,
    ServiceRequestError,
    ServiceResponseError,
)

from vmpool.errors import (
    BusyError,
    CapacityError,
    CloudUnreachableError,
    CredentialsError,
    NotFoundError,
    PermanentError,
    ThrottledError,
    TransientError,
    UsageError,
    VmPoolError,
)

LONGEST_MESSAGE = 300
"""Characters of Azure's text that we repeat; quota refusals run to a thousand."""
NIC_RESERVED_SECONDS = 180.0
"""How long Azure keeps a NIC for the VM whose creation failed (its message says so)."""

CAPACITY = frozenset(
    {
        "SkuNotAvailable",
        "AllocationFailed",
        "ZonalAllocationFailed",
        "OverconstrainedAllocationRequest",
        "OverconstrainedZonalAllocationRequest",
        "QuotaExceeded",
        "ResourceQuotaExceeded",
    }
)
"""This size cannot be had in this region now; count limits of a region are matched by suffix."""
COUNT_LIMIT = re.compile(r"\w+(Count|Quota)LimitReached")
IN_USE = re.compile(r"InUse\w+CannotBeDeleted")
BUSY = frozenset(
    {
        "AnotherOperationInProgress",
        "Conflict",
        "NicInUse",
        "NicReservedForAnotherVm",
        "OperationPreempted",
        "PreconditionFailed",
        "PublicIPAddressCannotBeDeleted",
        "PublicIPAddressInUse",
        "ReferencedResourceNotProvisioned",
        "ResourceGroupBeingDeleted",
        "RetryableErrorDueToAnotherOperation",
    }
)
"""Something else holds the resource for the moment."""
THROTTLED = frozenset(
    {
        "ResourceRequestsThrottled",
        "SubscriptionRequestsThrottled",
        "TooManyRequests",
        "TooManyRequestsReceived",
    }
)
TRANSIENT = frozenset(
    {
        "InternalExecutionError",
        "InternalOperationError",
        "InternalServerError",
        "NetworkingInternalOperationError",
        "RetryableError",
        "ServerTimeout",
        "ServiceUnavailable",
    }
)
NO_ACCESS = {
    "AuthorizationFailed": "ask an owner for a role with this action, see the deployment's docs",
    "LinkedAuthorizationFailed": "ask an owner for a role with this action",
    "InvalidAuthenticationToken": "sign in again (az login)",
    "InvalidAuthenticationTokenTenant": "sign in to the subscription's tenant (az login --tenant)",
    "ExpiredAuthenticationToken": "sign in again (az login)",
    "SubscriptionNotFound": "check WAA_SUBSCRIPTION_ID (az account list)",
    "InvalidSubscriptionId": "check WAA_SUBSCRIPTION_ID (az account list)",
}
"""Nothing could be asked, and what mends it."""
MENDS = {
    "MissingSubscriptionRegistration": "az provider register --namespace Microsoft.Compute "
    "and the same for Microsoft.Network",
    "RequestDisallowedByPolicy": "a policy of the subscription forbids it: ask who manages it",
    "ReadOnlyDisabledSubscription": "the subscription is disabled: see its billing",
    "ResourceGroupNotFound": "check WAA_RESOURCE_GROUP",
}
"""What a person does about refusals that never mend themselves."""
NO_REGION = frozenset({"NoRegisteredProviderFound", "LocationNotAvailableForResourceType"})
SIGN_IN = (
    "sign in with az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, "
    "or name a credentials block in WAA_CREDENTIALS_BLOCK"
)

SIGN_IN_REFUSED = re.compile(r"AADSTS\d+[^\n]*|invalid_client[^\n]*|unauthorized_client[^\n]*")
"""Microsoft Entra's own codes: somebody answered, and said no."""
SIGN_IN_UNREACHABLE = re.compile(r"HTTPSConnection|Failed to resolve|Max retries exceeded")

FORBIDDEN, NOT_FOUND, CONFLICT, TOO_MANY = 403, 404, 409, 429
UNAUTHORIZED, REQUEST_TIMEOUT, SERVER_ERRORS = 401, 408, 500


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn every Azure error of the block into one of ours, chained. Also a decorator.

    Args:
        what: what was being done, for the message: `create VM waa-pool-00`.

    Raises:
        VmPoolError: the translation.
    """
    try:
        yield
    except AzureError as error:
        raise translate(error, what) from error


def translate(error: AzureError, what: str) -> VmPoolError:
    """The error of ours that an Azure error means.

    Args:
        error: what Azure's SDK raised.
        what: what was being done.
    """
    if isinstance(error, HttpResponseError) and error.response is not None:
        return _refusal(error, what)
    if isinstance(error, ClientAuthenticationError):
        return _sign_in_failure(str(error), what)
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return CloudUnreachableError(f"{what}: Azure did not answer: {one_line(str(error))}")
    return PermanentError(f"{what}: {one_line(str(error))}")


def _sign_in_failure(text: str, what: str) -> VmPoolError:
    """azure-identity tells of every credential that it tried, a page of text: one line is enough.

    Args:
        text: what it says.
        what: what was being done.
    """
    refused = SIGN_IN_REFUSED.search(text)
    if refused:
        return CredentialsError(f"sign-in was refused: {one_line(refused.group())}: {SIGN_IN}")
    if SIGN_IN_UNREACHABLE.search(text):
        return CloudUnreachableError(f"{what}: Azure's sign-in did not answer: are you online?")
    return CredentialsError(f"no credentials for Azure were found: {SIGN_IN}")


def azure_code(error: BaseException) -> str:
    """Azure's error code behind an error of ours, "" if there is none."""
    cause = error.__cause__ if isinstance(error, VmPoolError) else error
    found = cause.error if isinstance(cause, HttpResponseError) else None
    return str(found.code) if found and found.code else ""


def one_line(text: str) -> str:
    """Azure's text on one line, shortened."""
    flat = " ".join(text.split())
    if len(flat) <= LONGEST_MESSAGE:
        return flat
    return flat[:LONGEST_MESSAGE].rsplit(" ", 1)[0] + " ..."


def _refusal(error: HttpResponseError, what: str) -> VmPoolError:
    codes = _codes(error.error)
    text = f"{what}: {_told(error)}"
    by_code = next((found for code in codes if (found := _by_code(code, text, error))), None)
    return by_code or _by_status(error.status_code or 0, text, error)


def _by_code(code: str, text: str, error: HttpResponseError) -> VmPoolError | None:
    is_quota = code == "OperationNotAllowed" and "quota" in str(error.message).lower()
    if code in CAPACITY or COUNT_LIMIT.fullmatch(code) or is_quota:
        return CapacityError(text, "QuotaExceeded" if is_quota else code)
    if code in NO_ACCESS:
        return CredentialsError(f"{text}: {NO_ACCESS[code]}")
    if code in NO_REGION:
        return UsageError(f"{text}: is the region spelled right?")
    return _passing(code, text, error)


def _passing(code: str, text: str, error: HttpResponseError) -> VmPoolError | None:
    """What a later try may not meet again."""
    is_attached = code == "OperationNotAllowed" and "is attached to VM" in str(error.message)
    if code in BUSY or IN_USE.fullmatch(code) or is_attached:
        wait = NIC_RESERVED_SECONDS if code == "NicReservedForAnotherVm" else retry_after(error)
        return BusyError(text, wait)
    if code in THROTTLED:
        return ThrottledError(text, retry_after(error))
    if code in TRANSIENT:
        return TransientError(text, retry_after(error))
    return None


def _by_status(status: int, text: str, error: HttpResponseError) -> VmPoolError:
    mend = MENDS.get(azure_code(error), "")
    text = f"{text}: {mend}" if mend else text
    if status == UNAUTHORIZED or (status == FORBIDDEN and not mend):
        return CredentialsError(text if mend else f"{text}: {SIGN_IN}")
    if status == NOT_FOUND:
        return NotFoundError(text)
    if status == TOO_MANY:
        return ThrottledError(text, retry_after(error))
    if status == REQUEST_TIMEOUT or status >= SERVER_ERRORS:
        return TransientError(text, retry_after(error))
    return PermanentError(text)


def _codes(error: ODataV4Format | None) -> list[str]:
    """Azure's codes, the outermost first: the telling one may stand in the details."""
    if error is None:
        return []
    inner = [code for detail in error.details or () for code in _codes(detail)]
    return [*([str(error.code)] if error.code else []), *inner]


def _told(error: HttpResponseError) -> str:
    """`Code: Azure's message`, or the bare status when there is no such body."""
    found = error.error
    if found and found.code:
        return one_line(f"{found.code}: {found.message or ''}")
    return one_line(f"status {error.status_code}: {error.reason or ''}")


def retry_after(error: HttpResponseError) -> float | None:
    """Wall seconds that Azure asked us to wait, None if it did not say."""
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
    return None
