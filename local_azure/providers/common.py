"""What every provider does the same way: regions, tags, ETags, pages, life and operations."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from local_azure import errors
from local_azure.errors import AzureError
from local_azure.meter import BILLED_POWER
from local_azure.operations import FAILED, RUNNING, Operation
from local_azure.pace import poll_headers
from local_azure.providers.replication import replicas_stored
from local_azure.state import Resource
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

VM = "Microsoft.Compute/virtualMachines"
DISK = "Microsoft.Compute/disks"
IMAGE = "Microsoft.Compute/images"
GALLERY = "Microsoft.Compute/galleries"
DEFINITION = "Microsoft.Compute/galleries/images"
VERSION = "Microsoft.Compute/galleries/images/versions"
NIC = "Microsoft.Network/networkInterfaces"
ADDRESS = "Microsoft.Network/publicIPAddresses"
SECURITY_GROUP = "Microsoft.Network/networkSecurityGroups"
NETWORK = "Microsoft.Network/virtualNetworks"
REGISTRY = "Microsoft.ContainerRegistry/registries"
GROUP_TYPE = "Microsoft.Resources/resourceGroups"

SEGMENTS = {"disk": "DiskOperations", "gallery": "capsOperations", "version": "capsOperations"}
"""Where Microsoft.Compute shows operations of a kind that stand apart."""
PAGE = 50
"""Items on a page; small enough that a big pool sees `nextLink`."""
MAX_TAGS, MAX_TAG_NAME, MAX_TAG_VALUE = 50, 512, 256
FORBIDDEN_IN_TAG_NAMES = set("<>%&\\?/")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,78}[A-Za-z0-9_]|[A-Za-z0-9_]")


def new_resource(call: Call, kind: str) -> Resource:
    """An empty resource at the place that the path names; not kept yet.

    Raises:
        AzureError: group, name, location or tags will not do.
    """
    if call.group.properties.get("provisioningState") == "Deleting":
        raise errors.group_is_going(call.group.name)
    name = call.params["name"]
    if not NAME.fullmatch(name):
        raise errors.gateway(
            400,
            "InvalidResourceName",
            f"Resource name {name} is invalid. The name can be up to 80 characters long. It must "
            "begin with a word character, and it must end with a word character or with '_'. The "
            "name may contain word characters or '.', '-', '_'.",
        )
    resource_id = call.resource_id(kind)
    body = {
        "name": name,
        "id": resource_id,
        "type": kind,
        "location": location_of(call, kind),
        "tags": check_tags(call.body.get("tags")),
        "properties": {},
    }
    hidden = {"guid": str(uuid.uuid4()), "created": call.cloud.clock.now()}
    return Resource(resource_id, kind, body, hidden)


def location_of(call: Call, kind: str) -> str:
    """The region that a PUT names."""
    given = call.body.get("location")
    if not given:
        raise errors.gateway(
            400, "LocationRequired", "The location property is required for this definition."
        )
    known = call.cloud.catalog.region(str(given))
    if known is None:
        raise errors.location_unknown(str(given), kind, list(call.cloud.catalog.regions))
    return known


def check_same_location(call: Call, existing: Resource) -> None:
    """A PUT must not move a resource."""
    asked = location_of(call, existing.type)
    if asked != existing.location:
        raise errors.location_changed(existing.name, existing.type, existing.location)


def check_tags(tags: Any) -> dict[str, str]:
    """Tags as Azure takes them.

    Raises:
        AzureError: too many, too long, or with characters that names must not have.
    """
    if tags is None:
        return {}
    if not isinstance(tags, dict):
        raise errors.bad_body("The request content was invalid: tags is not an object.")
    if len(tags) > MAX_TAGS:
        raise _bad_tags(
            "InvalidTags", f"The number of tags on the resource is {len(tags)}; the limit is 50."
        )
    for name, value in tags.items():
        _check_tag(str(name), "" if value is None else str(value))
    return {str(name): "" if value is None else str(value) for name, value in tags.items()}


def _check_tag(name: str, value: str) -> None:
    bad = sorted(FORBIDDEN_IN_TAG_NAMES & set(name))
    if not name.strip() or bad:
        raise _bad_tags(
            "InvalidTagNameCharacters",
            f"The tag names '{name}' have reserved characters '<,>,%,&,\\,?,/' or control "
            "characters.",
        )
    if len(name) > MAX_TAG_NAME:
        raise _bad_tags(
            "TagNameTooLong", f"The tag name '{name[:40]}...' is longer than 512 characters."
        )
    if len(value) > MAX_TAG_VALUE:
        raise _bad_tags(
            "TagValueTooLong", f"The value of tag '{name}' is longer than 256 characters."
        )


def _bad_tags(code: str, message: str) -> AzureError:
    return errors.gateway(400, code, message)


def check_preconditions(call: Call, existing: Resource | None) -> None:
    """If-Match and If-None-Match of a write.

    Raises:
        AzureError: 412.
    """
    wanted, unwanted = call.headers.get("if-match"), call.headers.get("if-none-match")
    current = existing.hidden.get("etag") if existing else None
    if wanted and (existing is None or wanted not in ("*", current)):
        raise errors.precondition_failed()
    if unwanted and existing is not None and unwanted in ("*", current):
        raise errors.precondition_failed()


def touch(resource: Resource) -> None:
    """Give a changed resource a new ETag."""
    resource.hidden["etag"] = f'W/"{uuid.uuid4()}"'


def keep(cloud: Cloud, resource: Resource, at: float | None = None) -> None:
    """Write a resource and let the meter know what it costs from `at` (now by default)."""
    moment = cloud.clock.now() if at is None else at
    cloud.store.put(resource)
    rate = _rate(cloud, resource)
    if rate is not None:
        cloud.meter.set_rate(resource, rate, moment)


def forget(cloud: Cloud, resource: Resource, at: float) -> None:
    """Delete a resource from the records."""
    cloud.store.delete(resource.id)
    if _rate(cloud, resource) is not None:
        cloud.meter.close(resource, at)


def _rate(cloud: Cloud, resource: Resource) -> float | None:
    prices, properties = cloud.meter.prices, resource.properties
    if resource.type == VM:
        is_billed = resource.hidden.get("power") in BILLED_POWER
        size = properties["hardwareProfile"]["vmSize"]
        return prices.vm_per_hour(size, resource.location) if is_billed else 0.0
    if resource.type == DISK:
        return prices.disk_per_hour(resource.body["sku"]["name"], properties["diskSizeGB"])
    if resource.type in (IMAGE, VERSION):
        copies = replicas_stored(resource) if resource.type == VERSION else 1
        return prices.image_per_hour(resource.hidden.get("used_bytes", 0)) * copies
    if resource.type == ADDRESS:
        return prices.address_per_hour()
    if resource.type == REGISTRY:
        stored = resource.hidden.get("stored_bytes", 0)
        return prices.registry_per_hour(resource.body["sku"]["name"], stored)
    return None


def page(call: Call, items: list[tuple[str, Any]]) -> Reply:
    """One page of a list.

    Args:
        call: its `$top` and `$skiptoken` count.
        items: (id, document) of everything.
    """
    after = _decode_token(call.query.get("$skiptoken", ""))
    top = call.query.get("$top", "")
    size = min(int(top), PAGE) if top.isdigit() and int(top) else PAGE
    ordered = sorted(((i.lower(), document) for i, document in items), key=lambda pair: pair[0])
    ordered = [pair for pair in ordered if pair[0] > after]
    shown = ordered[:size]
    body: dict[str, Any] = {"value": [document for _, document in shown]}
    if len(ordered) > size:
        rest = {k: v for k, v in call.query.items() if k not in ("api-version", "$skiptoken")}
        token = base64.urlsafe_b64encode(shown[-1][0].encode()).decode().rstrip("=")
        body["nextLink"] = call.url(call.path, **rest, **{"$skiptoken": token})
    return Reply(200, body)


def list_of(call: Call, kind: str, show: Callable[[Resource], Any]) -> Reply:
    """One page of the resources of a type, in the path's group or in the whole subscription."""
    group = call.group.name if "group" in call.params else None
    return page_of(call, call.cloud.store.find_all(kind, group), show)


def page_of(call: Call, found: Sequence[Resource], show: Callable[[Resource], Any]) -> Reply:
    """One page of a list of resources.

    Args:
        call: its `$top` and `$skiptoken` count.
        found: everything.
        show: makes a document; only of what is on the page, as some look at every NIC for each.
    """
    reply = page(call, [(resource.id, resource) for resource in found])
    reply.body["value"] = [show(resource) for resource in reply.body["value"]]
    return reply


def _decode_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError as error:
        raise errors.gateway(400, "InvalidSkipToken", "The skip token is invalid.") from error


def operation_reply(call: Call, operation: Operation, status: int, body: Any = None) -> Reply:
    """The answer that starts an operation.

    201/200 carry the resource and only `Azure-AsyncOperation`; 202 adds `Location`.
    """
    kind = operation.kind.partition(".")[0]
    base = f"/subscriptions/{call.cloud.identity.subscription_id}/providers/"
    place = f"{base}{_namespace(kind)}/locations/{operation.location}"
    segment = SEGMENTS.get(kind, "operations")
    headers = {"azure-asyncoperation": call.url(f"{place}/{segment}/{operation.id}")}
    if kind != "disk":
        headers["azure-asyncnotification"] = "Enabled"
    if status == 202:  # noqa: PLR2004 # HTTP's own number
        if kind == "network":
            headers["location"] = call.url(f"{place}/operationResults/{operation.id}")
        else:
            headers["location"] = call.url(f"{place}/{segment}/{operation.id}", monitor="true")
    headers |= poll_headers(call.cloud, is_first=True)
    return Reply(status, body, headers)


def _namespace(kind: str) -> str:
    return "Microsoft.Network" if kind == "network" else "Microsoft.Compute"


def failed_reply(operation: Operation) -> Reply:
    """What `Location` answers when an operation has failed."""
    status = 409 if operation.status == FAILED else 400
    return Reply(status, {"error": operation.error})


def is_running(operation: Operation) -> bool:
    """Whether an operation is still going on."""
    return operation.status == RUNNING
