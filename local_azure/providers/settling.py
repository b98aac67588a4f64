"""How most resources come to rest: a change succeeds or fails, a deletion ends them.

One registration per kind of operation; whoever does more at a step registers that step by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_azure.operations import Operation, step
from local_azure.providers import life
from local_azure.providers.common import keep, touch
from local_azure.state import Resource

if TYPE_CHECKING:
    from local_azure.cloud import Cloud


def settles(*kinds: str) -> None:
    """Operations of these kinds end with their resource Succeeded, or Failed."""
    for kind in kinds:
        step(kind, "done")(_done)
        fails(kind)


def fails(*kinds: str) -> None:
    """Operations of these kinds that fail leave their resource Failed."""
    for kind in kinds:
        step(kind, "failed")(_failed)


def ends(*kinds: str) -> None:
    """Operations of these kinds end with their resource gone."""
    for kind in kinds:
        step(kind, "done")(_gone)


def succeed(cloud: Cloud, resource: Resource, at: float) -> None:
    """What was asked of a resource is done."""
    _settle(cloud, resource, at, "Succeeded")


def fail(cloud: Cloud, resource: Resource, at: float) -> None:
    """What was asked of a resource did not come about."""
    _settle(cloud, resource, at, "Failed")


def _settle(cloud: Cloud, resource: Resource, at: float, state: str) -> None:
    resource.properties["provisioningState"] = state
    resource.hidden["changed"] = at
    touch(resource)
    keep(cloud, resource, at)


def _done(cloud: Cloud, operation: Operation, at: float) -> None:
    """A resource that failed before, or that is going, is not made better by a change of tags."""
    resource = cloud.store.get(operation.resource)
    if resource and resource.properties["provisioningState"] in ("Creating", "Updating"):
        succeed(cloud, resource, at)


def _failed(cloud: Cloud, operation: Operation, at: float) -> None:
    resource = cloud.store.get(operation.resource)
    if resource:
        fail(cloud, resource, at)


def _gone(cloud: Cloud, operation: Operation, at: float) -> None:
    resource = cloud.store.get(operation.resource)
    if resource:
        life.end(cloud, resource, at)
