"""Resource groups. Deleting one takes everything in it along."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local_azure import errors
from local_azure.operations import Operation, step
from local_azure.pace import poll_headers
from local_azure.providers import life
from local_azure.providers.common import GROUP_TYPE, check_tags, location_of, page_of
from local_azure.providers.filters import tag_filter
from local_azure.route import GROUP, SUBSCRIPTION, Routes
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

routes = Routes()
NAME = re.compile(r"[\w().-]{0,89}[\w()-]")


@routes.on("PUT", GROUP)
def put_group(call: Call) -> Reply:
    """Create a group, or replace its tags."""
    existing = call.cloud.store.get(_id(call))
    location = location_of(call, GROUP_TYPE)
    if existing and existing.location != location:
        raise errors.gateway(
            409,
            "InvalidResourceGroupLocation",
            f"Invalid resource group location '{location}'. The Resource group already exists in "
            f"location '{existing.location}'.",
        )
    if existing and existing.properties["provisioningState"] == "Deleting":
        raise errors.group_is_going(existing.name)
    group = existing or make_group(call.params["subscription"], call.params["group"], location)
    group.body["tags"] = check_tags(call.body.get("tags"))
    if "managedBy" in call.body:
        group.body["managedBy"] = call.body["managedBy"]
    call.cloud.store.put(group)
    return Reply(200 if existing else 201, show_group(group))


@routes.on("GET", GROUP)
def get_group(call: Call) -> Reply:
    """One group; HEAD says only whether it exists."""
    if call.method == "HEAD":
        return Reply(204 if call.cloud.store.get(_id(call)) else 404)
    return Reply(200, show_group(call.group))


@routes.on("PATCH", GROUP)
def patch_group(call: Call) -> Reply:
    """Replace the tags of a group."""
    group = call.group
    if "tags" in call.body:
        group.body["tags"] = check_tags(call.body["tags"])
    call.cloud.store.put(group)
    return Reply(200, show_group(group))


@routes.on("GET", SUBSCRIPTION + "/resourceGroups")
def list_groups(call: Call) -> Reply:
    """All groups, or those with a tag (`$filter=tagName eq 'x' and tagValue eq 'y'`)."""
    keeps = tag_filter(call.query.get("$filter", ""))
    groups = [g for g in call.cloud.store.find_all(GROUP_TYPE) if keeps(g)]
    return page_of(call, groups, show_group)


@routes.on("DELETE", GROUP)
def delete_group(call: Call) -> Reply:
    """Delete a group with everything in it."""
    cloud, group = call.cloud, call.group
    group.properties["provisioningState"] = "Deleting"
    cloud.store.put(group)
    for resource in cloud.store.find_all(group=group.name):
        life.begin_end(cloud, resource)
    now = cloud.clock.now()
    due = now + cloud.durations.of("vm", "delete") + cloud.durations.of("group", "delete")
    operation = Operation("group.delete", group.id, group.location, now, [(due, "done")])
    cloud.operations.begin(operation)
    path = f"/subscriptions/{call.params['subscription']}/operationresults/{operation.id}"
    headers = {"location": call.url(path)} | poll_headers(cloud, is_first=True)
    return Reply(202, None, headers)


@step("group.delete", "done")
def _deleted(cloud: Cloud, operation: Operation, at: float) -> None:
    group = cloud.store.get(operation.resource)
    if group is None:
        return
    for resource in cloud.store.find_all(group=group.name):
        life.end(cloud, resource, at)
    cloud.store.delete(group.id)


def make_group(subscription: str, name: str, location: str) -> Resource:
    """A group that is not kept yet."""
    if not NAME.fullmatch(name):
        raise errors.gateway(
            400,
            "InvalidResourceGroup",
            f"The provided resource group name '{name}' has these invalid characters. The name can "
            "be a letter, digit, '-', '.', '(', ')' or '_', must not end with '.', and has at most "
            "90 characters.",
        )
    group_id = f"/subscriptions/{subscription}/resourceGroups/{name}"
    body = {
        "id": group_id,
        "name": name,
        "type": GROUP_TYPE,
        "location": location,
        "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }
    return Resource(group_id, GROUP_TYPE, body)


def show_group(group: Resource) -> dict[str, Any]:
    """The document of a group."""
    return group.body


def _id(call: Call) -> str:
    return f"/subscriptions/{call.params['subscription']}/resourceGroups/{call.params['group']}"
