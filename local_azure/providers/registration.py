"""Providers that a subscription must register before it can use them, as on Azure.

Compute and Network count as registered from the start; these are refused with 409
MissingSubscriptionRegistration until `POST .../providers/{namespace}/register`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local_azure import errors
from local_azure.wire import Call

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

MUST_REGISTER = ("Microsoft.DevTestLab", "Microsoft.ComputeSchedule")
REGISTERED, NOT_REGISTERED = "Registered", "NotRegistered"
NAMESPACE = re.compile(r".*/providers/([^/]+)/(?!(?:un)?register/?$).+", re.IGNORECASE)


def state(cloud: Cloud, name: str, default: str) -> str:
    """The registration state of a provider."""
    return cloud.store.meta(f"provider/{name}", default)


def keep(cloud: Cloud, name: str) -> None:
    """Register a provider."""
    cloud.store.set_meta(f"provider/{name}", REGISTERED)


def forget(cloud: Cloud, name: str) -> None:
    """Take a provider's registration back."""
    cloud.store.set_meta(f"provider/{name}", NOT_REGISTERED)


def check(call: Call) -> None:
    """Refuse a request to a provider that is not registered.

    Raises:
        AzureError: 409 MissingSubscriptionRegistration.
    """
    found = NAMESPACE.fullmatch(call.path)
    if found is None:
        return
    for name in MUST_REGISTER:
        is_asked = found[1].lower() == name.lower()
        if is_asked and state(call.cloud, name, NOT_REGISTERED) != REGISTERED:
            raise errors.not_registered(found[1])
