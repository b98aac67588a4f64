"""Lets the caller's present address use SSH of a pool that exists; makes nothing.

For looks inside: whoever looks may be elsewhere than who created or resumed the pool. A pool may
be deleted at the same moment, so the write names the version that was read: a group that has gone
meanwhile is not made again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from vmpool import naming, tags
from vmpool.arm.address import caller_address
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import API, SECURITY_GROUP, resource_id
from vmpool.arm.operations import STEP_CLOUD_SECONDS, Operation, begin, run_all
from vmpool.arm.rest import Json, at_once, find
from vmpool.arm.rules import SSH_RULE, admits, widened
from vmpool.errors import BusyError, NotFoundError, PermanentError

TRIES = 4
PAUSE_WALL_SECONDS = 1.0
"""Somebody else writes the same group: a flow that admits its own caller takes seconds."""


def admit_caller(cloud: Cloud, pool: str, pool_id: str, regions: Iterable[str]) -> None:
    """Have the caller's address admitted in some regions of a pool; most often it is already.

    Args:
        cloud: connection.
        pool: pool name.
        pool_id: the pool's id; the groups must carry it.
        regions: where the workers are that will be spoken to.

    Raises:
        NotFoundError: a region has no security group of the pool.
        PermanentError: what has its name belongs to somebody else.
        BusyError: somebody else keeps writing it.
    """
    source = caller_address(cloud)
    at_once([partial(_admit, cloud, pool, pool_id, region, source) for region in {*regions}])


def _admit(cloud: Cloud, pool: str, pool_id: str, region: str, source: str) -> None:
    name = naming.nsg_name(pool, region)
    for tries_left in reversed(range(TRIES)):
        group = _group(cloud, name, pool, pool_id)
        if admits(group["properties"].get("securityRules", []), source):
            return
        try:
            run_all(cloud, [partial(_write, cloud, group, source)], STEP_CLOUD_SECONDS)
        except BusyError as error:
            if not tries_left:
                raise
            time.sleep(error.retry_after_seconds or PAUSE_WALL_SECONDS)
        else:
            return


def _group(cloud: Cloud, name: str, pool: str, pool_id: str) -> Json:
    group = find(cloud, resource_id(cloud, SECURITY_GROUP, name), API[SECURITY_GROUP])
    if group is None:
        mend = f"oa-vm pool-resume --pool {pool} makes it"
        raise NotFoundError(f"security group {name} is not there: {mend}")
    found = {key.lower(): value for key, value in (group.get("tags") or {}).items()}
    if found.get(tags.POOL_ID) != pool_id:
        raise PermanentError(f"security group {name} does not carry this pool's id: not touched")
    return group


def _write(cloud: Cloud, group: Json, source: str) -> Operation:
    rules = widened(group["properties"].get("securityRules", []), source)
    body: Any = {
        "location": group["location"],
        "tags": group.get("tags") or {},
        "properties": {"securityRules": rules},
    }
    groups, name = cloud.network.network_security_groups, str(group["name"])
    return begin(
        f"admit {source} by {SSH_RULE} of {name}",
        lambda: groups.begin_create_or_update(
            cloud.resource_group, name, body, headers={"If-Match": str(group["etag"])}
        ),
    )
