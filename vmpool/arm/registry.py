"""Azure Container Registry: found or made in the pools' group, opened with the caller's own token.

Never the admin user: an Azure AD token is exchanged for the registry's refresh token, which lives
three hours and passes as a password for the user below.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from vmpool import tags
from vmpool.arm import web
from vmpool.arm.clients import Cloud
from vmpool.arm.groups import ensure_resource_group
from vmpool.arm.kinds import API, REGISTRY, resource_id
from vmpool.arm.oci import Refresh, Registry
from vmpool.arm.rest import Json, find, send
from vmpool.errors import CredentialsError, PermanentError, TransientError

TOKEN_USER = "00000000-0000-0000-0000-000000000000"  # noqa: S105 # a user's name, and a public one
"""The user of whom Azure takes a refresh token for a password."""
SKU = "Basic"
"""0.167 USD a day with 10 GB in it (Azure's price page): one image, few pulls at once."""
ASK_WALL_SECONDS = 20.0
UNAUTHORIZED = (401, 403)


@dataclass(frozen=True)
class ContainerRegistry:
    """A registry of ours.

    Attributes:
        name: resource name.
        resource_id: ARM id.
        region: Azure region.
        login_server: host of its images.
        state: provisioning state.
    """

    name: str
    resource_id: str
    region: str
    login_server: str
    state: str

    @property
    def is_usable(self) -> bool:
        """Whether Azure has made it."""
        return self.state == "Succeeded" and bool(self.login_server)


def registry_name(cloud: Cloud) -> str:
    """Name of the registry: the setting's, or one that is this group's alone in all of Azure."""
    given = cloud.settings.registry
    scope = f"{cloud.subscription_id}/{cloud.resource_group}".lower()
    return given or f"waa{hashlib.sha256(scope.encode()).hexdigest()[:16]}"


def find_registry(cloud: Cloud) -> ContainerRegistry | None:
    """The registry, None if there is none.

    Raises:
        VmPoolError: Azure could not be asked.
    """
    document = find(cloud, _path(cloud), API[REGISTRY])
    return _decode(document) if document else None


def begin_registry(cloud: Cloud, region: str) -> ContainerRegistry:
    """Have Azure make the registry; its `state` says how far that is.

    Args:
        cloud: connection.
        region: Azure region: the one of the VMs, as traffic inside a region is free.

    Raises:
        VmPoolError: Azure refused, for example because the name is taken by somebody else.
    """
    ensure_resource_group(cloud, region)
    body = {
        "location": region,
        "sku": {"name": SKU},
        "tags": {tags.REGISTRY: "yes"},
        "properties": {"adminUserEnabled": False},
    }
    query = {"api-version": API[REGISTRY]}
    return _decode(send(cloud, "PUT", _path(cloud), query, body))


def exchange(cloud: Cloud, registry: ContainerRegistry) -> str:
    """A refresh token of the registry for whoever we are; a secret, good for three hours.

    Raises:
        CredentialsError: we may not use this registry.
        TransientError: it can't be asked.
    """
    host = registry.login_server
    form = {
        "grant_type": "access_token",
        "service": host,
        "access_token": cloud.access.tokens.get_token_info(cloud.access.scope).token,
    }
    with web.client(cloud, ASK_WALL_SECONDS) as asking:
        url = f"https://{host}/oauth2/exchange"
        answer = web.request(asking, f"registry {host}", "POST", url, data=form)
    if answer.status_code in UNAUTHORIZED:
        raise CredentialsError(f"registry {host} does not let us in: a role with AcrPull is needed")
    if answer.is_error:
        raise TransientError(f"registry {host} answers {answer.status_code} to a login")
    token: str = answer.json()["refresh_token"]
    return token


def opened(cloud: Cloud, registry: ContainerRegistry) -> Registry:
    """The registry's contents, to be asked and then closed (a context manager)."""
    return Registry(cloud, registry.login_server, Refresh(lambda: exchange(cloud, registry)))


def _path(cloud: Cloud) -> str:
    return resource_id(cloud, REGISTRY, registry_name(cloud))


def _decode(document: Json) -> ContainerRegistry:
    properties = document.get("properties", {})
    state = str(properties.get("provisioningState", ""))
    if state == "Failed":
        raise PermanentError(
            f"registry {document.get('name')} could not be made: delete it in Azure, then try again"
        )
    return ContainerRegistry(
        name=str(document["name"]),
        resource_id=str(document["id"]),
        region=str(document["location"]).replace(" ", "").lower(),
        login_server=str(properties.get("loginServer", "")),
        state=state,
    )
