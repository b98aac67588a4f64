"""Trouble on demand: what a test or a curious person wants Azure to refuse, lose or delay.

A fault is one JSON object with a `kind`; `times` limits how often it strikes (for ever when left
out). Faults are kept on disk like everything else. Kinds:

- `allocation`: create and start fail with AllocationFailed (`size`, `region`).
- `sku`: create is refused with SkuNotAvailable (`size`, `region`).
- `quota`: a quota is `limit` (`region`, `family`; `cores` is the region's total).
- `throttle`: 429 (`path` regular expression, `method`, `retry_after` in cloud seconds).
- `error`: any refusal (`path`, `method`, `status`, `code`, `message`).
- `unreachable`: the connection is closed without an answer (`path`, `method`).
- `operation`: an operation hangs or fails (`operation` like `vm.start`, `resource` regular
  expression, `mode` `stuck` or `failed`, `code`, `message`).
- `schedule`: a scheduled action is refused in its VM's result (`resource`, `code`, `message`).
- `expire-tokens`: every access token given so far is refused from now on.
- `guest`: trouble inside a VM (`vm` name, `fault` of `guests/simulated/faults.py`).
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from local_azure.errors import AzureError
from local_azure.pace import wait_headers

if TYPE_CHECKING:
    from local_azure.cloud import Cloud
    from local_azure.operations import Operation
    from local_azure.wire import Call

KINDS = {"allocation", "sku", "quota", "throttle", "error", "unreachable", "operation", "schedule"}
ELSEWHERE = {"guest", "expire-tokens"}
"""Kinds that strike at once and are not kept; `admin` hands them on."""
Fault = dict[str, Any]


class Faults:
    """The faults of one cloud.

    Args:
        cloud: where they are kept and whom they hit.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def pending(self) -> list[Fault]:
        """All faults that can still strike."""
        found: list[Fault] = json.loads(self._cloud.store.meta("faults", "[]"))
        return found

    def add(self, fault: Fault) -> Fault:
        """Keep a fault.

        Raises:
            AzureError: its kind is unknown.
        """
        if fault.get("kind") not in KINDS:
            known = ", ".join(sorted(KINDS | ELSEWHERE))
            raise AzureError(400, "UnknownFault", f"kind is one of {known}")
        fault = {"id": str(uuid.uuid4()), **fault}
        self._save([*self.pending(), fault])
        return fault

    def clear(self, fault_id: str | None = None) -> None:
        """Forget one fault, or all."""
        self._save([f for f in self.pending() if fault_id is not None and f["id"] != fault_id])

    def strike(self, kind: str, **facts: str) -> Fault | None:
        """The fault of `kind` that fits `facts`; it is used up by one.

        Args:
            kind: fault kind.
            facts: field = actual value; a fault that leaves a field out fits any value. `path` and
                `resource` are regular expressions searched in the value.
        """
        for fault in self.pending():
            if fault["kind"] == kind and _fits(fault, facts):
                self._use_up(fault)
                return fault
        return None

    def quota_limit(self, region: str, family: str, default: int) -> int:
        """A quota's limit, as faults would have it."""
        for fault in self.pending():
            if fault["kind"] == "quota" and _fits(fault, {"region": region, "family": family}):
                return int(fault["limit"])
        return default

    def check_request(self, call: Call) -> None:
        """Refuse a request that a fault is waiting for.

        Raises:
            AzureError: the fault's refusal.
        """
        self.check(call.method, call.path)

    def check(self, method: str, path: str) -> None:
        """Refuse a request, to Resource Manager or to a registry, that a fault is waiting for.

        Raises:
            AzureError: the fault's refusal.
        """
        fault = self.strike("throttle", path=path, method=method)
        if fault:
            wall = float(fault.get("retry_after", 10.0)) / self._cloud.clock.speed
            raise AzureError(
                429,
                str(fault.get("code", "TooManyRequests")),
                str(fault.get("message", "Too many requests have been received.")),
                headers=wait_headers(wall),
            )
        fault = self.strike("error", path=path, method=method)
        if fault:
            raise AzureError(
                int(fault.get("status", 500)),
                str(fault.get("code", "InternalServerError")),
                str(fault.get("message", "Encountered internal server error.")),
            )

    def apply_to(self, operation: Operation) -> None:
        """Make an operation that is about to begin hang or fail."""
        fault = self.strike("operation", operation=operation.kind, resource=operation.resource)
        if fault is None:
            return
        if fault.get("mode") == "stuck":
            operation.is_stuck = True
        else:
            operation.failure = {
                "code": str(fault.get("code", "InternalExecutionError")),
                "message": str(fault.get("message", "An internal execution error occurred.")),
            }

    def _use_up(self, fault: Fault) -> None:
        if "times" not in fault:
            return
        left = int(fault["times"]) - 1
        rest = [f | {"times": left} if f["id"] == fault["id"] else f for f in self.pending()]
        self._save([f for f in rest if f.get("times", 1) > 0])
        self._cloud.store.commit()  # the refusal that follows rolls its own request back

    def _save(self, faults: list[Fault]) -> None:
        self._cloud.store.set_meta("faults", json.dumps(faults))


def _fits(fault: Fault, facts: dict[str, str]) -> bool:
    for name, value in facts.items():
        wanted = fault.get(name)
        if wanted is None:
            continue
        if name in ("path", "resource"):
            if not re.search(str(wanted), value, re.IGNORECASE):
                return False
        elif str(wanted).lower() != value.lower():
            return False
    return True
