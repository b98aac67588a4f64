"""What the local Azure offers beside Azure: meter, faults, clock, requests, hub, caller's address.

Everything under `/_local/` needs the header `x-local-admin`, except the caller's address and the
hub's images, which anybody may read.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import PlainTextResponse, Response

from local_azure.errors import AzureError
from local_azure.hub import web
from local_azure.hub.shelf import UnknownImageError
from local_azure.machines import VM
from local_azure.state import Resource
from local_azure.wire import Call

log = logging.getLogger(__name__)
Handler = Callable[[Call], Awaitable[Any]]
GUEST_FAULTS = "guest"
LONGEST_ADVANCE_SECONDS = 10 * 366 * 86400.0
"""A clock never goes back: one that went too far would be of no more use."""


async def handle_local(call: Call) -> Response:
    """Answer a request under `/_local/`."""
    if call.path == "/_local/my-address":
        return PlainTextResponse(call.client)
    if call.path.startswith(f"{web.PREFIX}/"):
        path, has_credentials = call.path.removeprefix(web.PREFIX), "authorization" in call.headers
        return web.answer(call.cloud.hub, call.method, path, has_credentials=has_credentials)
    token = call.headers.get("x-local-admin", "")
    if not secrets.compare_digest(token.encode(), call.cloud.identity.admin_token.encode()):
        return _json(401, {"error": "x-local-admin is missing or wrong"})
    handler = HANDLERS.get((call.method, call.path.rstrip("/")))
    if handler is None:
        return _json(404, {"error": f"no {call.method} {call.path} here"})
    try:
        return _json(200, await handler(call))
    except AzureError as error:
        call.cloud.store.rollback()
        return _json(error.status, {"error": error.message})


async def meter(call: Call) -> Any:
    """Cost so far of every resource."""
    return call.cloud.meter.document(call.cloud.clock.now())


async def show_clock(call: Call) -> Any:
    """The cloud's time."""
    return {"now": call.cloud.clock.now(), "speed": call.cloud.clock.speed}


async def set_clock(call: Call) -> Any:
    """Let time pass at once: `{"advance": seconds}`; only by this from now on: `{"hold": true}`."""
    if call.body.get("hold") is True:
        call.cloud.clock.hold()
        return await show_clock(call)
    seconds = call.body.get("advance")
    if not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_ADVANCE_SECONDS:
        raise AzureError(400, "BadClock", "advance is a number of seconds, 0 to ten years")
    await call.cloud.clock.advance(float(seconds))
    await call.cloud.machines.settle()
    return await show_clock(call)


async def list_faults(call: Call) -> Any:
    """The faults that can still strike."""
    return {"faults": call.cloud.faults.pending()}


async def add_fault(call: Call) -> Any:
    """Cause trouble; see `faults` for the kinds. `guest` goes to the guest: `vm`, `fault`."""
    fault = call.body
    if fault.get("kind") == GUEST_FAULTS:
        await _inject(call, fault)
        return fault
    if fault.get("kind") == "expire-tokens":
        call.cloud.tokens.expire_all()
        return fault
    kept = call.cloud.faults.add(fault)
    call.cloud.store.commit()
    return kept


async def clear_faults(call: Call) -> Any:
    """Forget all faults, or the one of `?id=`."""
    call.cloud.faults.clear(call.query.get("id"))
    call.cloud.store.commit()
    return {"faults": call.cloud.faults.pending()}


async def requests(call: Call) -> Any:
    """The last requests to Resource Manager and to the sign-in side."""
    return {"requests": list(call.cloud.requests)}


async def forget_requests(call: Call) -> Any:
    """Empty the request log."""
    call.cloud.requests.clear()
    return {"requests": []}


async def settle(call: Call) -> Any:
    """Wait until the guests did everything they were told."""
    await call.cloud.machines.settle()
    return {}


async def list_hub(call: Call) -> Any:
    """Tags of the hub that were used, with their revisions."""
    return {"images": call.cloud.hub.revisions()}


async def move_tag(call: Call) -> Any:
    """Give a tag of the hub new content: `{"image": "docker.io/dockurr/windows:latest"}`."""
    try:
        reference, revision, digest = call.cloud.hub.move(str(call.body.get("image", "")))
    except UnknownImageError as error:
        raise AzureError(400, "UnknownImage", str(error)) from error
    return {"image": reference.full, "revision": revision, "digest": digest}


HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/_local/meter"): meter,
    ("GET", "/_local/clock"): show_clock,
    ("POST", "/_local/clock"): set_clock,
    ("GET", "/_local/faults"): list_faults,
    ("POST", "/_local/faults"): add_fault,
    ("DELETE", "/_local/faults"): clear_faults,
    ("GET", "/_local/requests"): requests,
    ("DELETE", "/_local/requests"): forget_requests,
    ("POST", "/_local/settle"): settle,
    ("GET", "/_local/hub"): list_hub,
    ("POST", "/_local/hub"): move_tag,
}


async def _inject(call: Call, fault: dict[str, Any]) -> None:
    vm = _find_vm(call, str(fault.get("vm", "")))
    try:
        await call.cloud.machines.inject(vm, fault.get("fault"))
    except (NotImplementedError, ValueError, KeyError, TypeError) as error:
        raise AzureError(400, "UnknownFault", f"the guest refuses: {error}") from error


def _find_vm(call: Call, wanted: str) -> Resource:
    for vm in call.cloud.store.find_all(VM):
        if wanted.lower() in (vm.name.lower(), vm.id.lower(), vm.hidden["guid"]):
            return vm
    raise AzureError(404, "NotFound", f"there is no VM {wanted!r}")


def _json(status: int, document: Any) -> Response:
    return Response(json.dumps(document), status, media_type="application/json")
