"""The admin user of a registry: its passwords, while it is enabled.

Off by default and better left so: whoever knows a password may do everything, for ever.
"""

from __future__ import annotations

import secrets

from local_azure.errors import AzureError
from local_azure.providers.common import REGISTRY, keep
from local_azure.providers.registries import ONE
from local_azure.route import Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

routes = Routes()
PASSWORDS = ("password", "password2")
PASSWORD_BYTES = 32


@routes.on("POST", ONE + "/listCredentials")
def list_credentials(call: Call) -> Reply:
    """Name and passwords of the admin user."""
    registry = _with_admin(call)
    known = registry.hidden.setdefault("passwords", {})
    for name in PASSWORDS:
        known.setdefault(name, secrets.token_urlsafe(PASSWORD_BYTES))
    keep(call.cloud, registry)
    return _show(registry)


@routes.on("POST", ONE + "/regenerateCredential")
def regenerate(call: Call) -> Reply:
    """Replace one of the two passwords."""
    registry = _with_admin(call)
    name = str(call.body.get("name", ""))
    if name not in PASSWORDS:
        raise AzureError(400, "InvalidPasswordName", f"The password name '{name}' is invalid.")
    list_credentials(call)
    registry = call.need(REGISTRY)
    registry.hidden["passwords"][name] = secrets.token_urlsafe(PASSWORD_BYTES)
    keep(call.cloud, registry)
    return _show(registry)


def _with_admin(call: Call) -> Resource:
    registry = call.need(REGISTRY)
    if not registry.properties["adminUserEnabled"]:
        raise AzureError(
            400,
            "UnAuthorizedForCredentialOperations",
            f"Cannot perform credential operations for {registry.id} as admin user is disabled. "
            "Kindly enable admin user as per docs: https://docs.microsoft.com/en-us/azure/"
            "container-registry/container-registry-authentication#admin-account",
        )
    return registry


def _show(registry: Resource) -> Reply:
    known = [{"name": name, "value": registry.hidden["passwords"][name]} for name in PASSWORDS]
    return Reply(200, {"username": registry.name, "passwords": known})
