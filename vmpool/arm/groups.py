"""The resource group that holds every pool: made when something is first put into it."""

from __future__ import annotations

from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import group_id
from vmpool.arm.rest import find, send

GROUPS_API = "2021-04-01"


def ensure_resource_group(cloud: Cloud, region: str) -> None:
    """Make the resource group unless it exists, where its resources may be in any region.

    Args:
        cloud: connection.
        region: where the group's own record is kept if it is made now.

    Raises:
        CredentialsError: groups must not be made with these credentials.
    """
    cloud.once(("group",), lambda: _ensure(cloud, region))


def _ensure(cloud: Cloud, region: str) -> None:
    if find(cloud, group_id(cloud), GROUPS_API) is None:
        send(cloud, "PUT", group_id(cloud), {"api-version": GROUPS_API}, {"location": region})
