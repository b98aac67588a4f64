"""The activity log: who did what to which VM, and when; kept for 90 days, complete only later.

Nothing is written for it: the operations that are kept anyway are shown as events, one for the
begin and one for the end of each. As in Azure an event can be read some minutes after it happened,
one sooner than another, and not in their order. Only what is done to VMs is logged.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local_azure.errors import AzureError
from local_azure.moments import iso
from local_azure.operations import SUCCEEDED
from local_azure.providers.common import VM, page
from local_azure.route import SUBSCRIPTION, Routes
from local_azure.wire import Call, Reply

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

routes = Routes()
KEPT = timedelta(days=90)
VERBS = {
    "vm.create": "write",
    "vm.update": "write",
    "vm.delete": "delete",
    "vm.start": "start/action",
    "vm.restart": "restart/action",
    "vm.deallocate": "deallocate/action",
    "vm.powerOff": "powerOff/action",
}
CLAUSE = re.compile(r"\s*(\w+)\s+(ge|le|eq)\s+'([^']*)'\s*", re.IGNORECASE)
TIME = "eventtimestamp"
SCOPES = ("resourcegroupname", "resourceuri", "resourceprovider", "correlationid")
Json = dict[str, Any]


@routes.on("GET", SUBSCRIPTION + "/providers/Microsoft.Insights/eventtypes/management/values")
def list_events(call: Call) -> Reply:
    """Events of a time, newest first; of one group, resource, provider or operation if asked."""
    clauses = _clauses(call.query.get("$filter", ""))
    now = call.cloud.clock.now()
    since = _moment(clauses[TIME, "ge"])
    until = _moment(clauses[TIME, "le"]) if (TIME, "le") in clauses else now
    if since < now - KEPT.total_seconds():
        raise _bad("The start time cannot be more than 90 days in the past.")
    found = [
        (moment, event)
        for moment, event in _events(call.cloud, now)
        if since <= moment <= until and _fits(event, clauses)
    ]
    wanted = [name.strip() for name in call.query.get("$select", "").split(",") if name.strip()]
    return page(call, [(_place(moment, event), _chosen(event, wanted)) for moment, event in found])


def _clauses(text: str) -> dict[tuple[str, str], str]:
    """The filter by names and comparisons: a begin, maybe an end, and at most one scope."""
    found: dict[tuple[str, str], str] = {}
    for part in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE):
        match = CLAUSE.fullmatch(part)
        if match is None:
            raise _bad(f"The filter '{text}' is not valid.")
        found[match[1].lower(), match[2].lower()] = match[3]
    scopes = [name for name, _ in found if name != TIME]
    is_known = all(name in SCOPES for name in scopes) and (TIME, "eq") not in found
    if (TIME, "ge") not in found or len(scopes) > 1 or not is_known:
        raise _bad(f"The filter '{text}' is not valid: a start time, and at most one scope.")
    return found


def _moment(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise _bad(f"'{text}' is not a date and time.") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _events(cloud: Cloud, now: float) -> Iterator[tuple[float, Json]]:
    """Every event that can be read by now, and when it happened."""
    rows = cloud.store.execute(
        "select body from operations where json_extract(body, '$.kind') like 'vm.%'"
    )
    longest = cloud.durations.of("activity_log", "readable")
    for row in rows:
        operation = json.loads(row[0])
        moments = [("Started", operation["started"])]
        if operation["ended"] is not None:
            status = "Succeeded" if operation["status"] == SUCCEEDED else "Failed"
            moments.append((status, operation["ended"]))
        for status, moment in moments:
            event = _event(cloud, operation, status, moment)
            late = uuid.UUID(event["eventDataId"]).int % 1000 / 1000 * longest
            if moment + late <= now:
                yield moment, event | {"submissionTimestamp": iso(moment + late)}


def _event(cloud: Cloud, operation: Json, status: str, moment: float) -> Json:
    vm_id, verb = operation["resource"], f"{VM}/{VERBS[operation['kind']]}"
    group = vm_id.split("/")[4]
    named = str(uuid.uuid5(uuid.UUID(operation["id"]), status))
    code = (operation["error"] or {}).get("code", "") if status == "Failed" else ""
    phase = "BeginRequest" if status == "Started" else "EndRequest"
    return {
        "authorization": {"action": verb, "scope": vm_id},
        "caller": cloud.identity.client_id,
        "category": _named("Administrative"),
        "channels": "Operation",
        "correlationId": operation["id"],
        "description": "",
        "eventDataId": named,
        "eventName": _named(phase),
        "eventTimestamp": iso(moment),
        "id": f"{vm_id}/events/{named}/ticks/{int(moment * 1e7)}",
        "level": "Error" if status == "Failed" else "Informational",
        "operationId": operation["id"],
        "operationName": _named(verb),
        "properties": {"statusCode": code} if code else {},
        "resourceGroupName": group,
        "resourceId": vm_id,
        "resourceProviderName": _named(VM.partition("/")[0]),
        "resourceType": _named(VM),
        "status": _named(status),
        "subStatus": _named(code),
        "subscriptionId": cloud.identity.subscription_id,
    }


def _named(value: str) -> Json:
    return {"value": value, "localizedValue": value}


def _fits(event: Json, clauses: dict[tuple[str, str], str]) -> bool:
    facts = {
        "resourcegroupname": event["resourceGroupName"],
        "resourceuri": event["resourceId"],
        "resourceprovider": event["resourceProviderName"]["value"],
        "correlationid": event["correlationId"],
    }
    return all(
        facts[name].lower() == value.lower() for (name, _), value in clauses.items() if name != TIME
    )


def _place(moment: float, event: Json) -> str:
    """What orders a list of events: the newest first."""
    return f"{10**13 - int(moment * 1000):014d}/{event['eventDataId']}"


def _chosen(event: Json, wanted: list[str]) -> Json:
    if not wanted:
        return event
    names = {name.lower() for name in wanted}
    return {name: value for name, value in event.items() if name.lower() in names}


def _bad(message: str) -> AzureError:
    return AzureError(400, "BadRequest", message)
