"""Azure's request limits as token buckets on the cloud's clock.

Resource Manager counts per subscription, Microsoft.Compute per VM or per region; both tell what is
left in every answer, and refuse with 429 and a time to wait. Buckets live in memory: a restarted
server is as forgiving as a new front end of Azure's.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_azure.errors import AzureError
from local_azure.moments import iso
from local_azure.pace import wait_headers

if TYPE_CHECKING:
    from local_azure.cloud import Cloud
    from local_azure.wire import Call


@dataclass(frozen=True)
class Limit:
    """A bucket: how many requests at once, how many more per second."""

    burst: int
    per_second: float


ARM = {"reads": Limit(250, 25.0), "writes": Limit(200, 10.0), "deletes": Limit(200, 10.0)}
VM_UPDATE = Limit(12, 4 / 60)
VM_GET = Limit(36, 12 / 60)
VM_POLL = Limit(45, 15 / 60)
VM_LIST = Limit(900, 300 / 60)
IMAGE_WRITE = Limit(40, 40 / 180)
IMAGE_GET = Limit(360, 360 / 180)
LONG_WINDOW = 10
"""Headers also show a 30-minute figure; it is this many times the 3-minute one."""
SHORT_ONLY = {"GetSubscriptionInfo"}
"""Groups that show no 30-minute figure, as recorded."""
MACHINE = r".*/providers/Microsoft\.Compute/virtualMachines"
COMPUTE = [
    # (method, path, Azure's name of the group, limit)
    ("PUT|PATCH", MACHINE + r"/[^/]+", "PutVM", VM_UPDATE),
    ("DELETE", MACHINE + r"/[^/]+", "DeleteVM", VM_UPDATE),
    ("POST", MACHINE + r"/[^/]+/deallocate", "DeleteVM", VM_UPDATE),
    ("POST", MACHINE + r"/[^/]+/\w+", "UpdateVM", VM_UPDATE),
    ("GET", MACHINE, "HighCostGet", VM_LIST),
    ("GET", MACHINE + r"/[^/]+(/instanceView)?", "LowCostGet", VM_GET),
    ("PUT|PATCH|DELETE", r".*/Microsoft\.Compute/images/[^/]+", "CreateImages", IMAGE_WRITE),
    ("GET", r".*/Microsoft\.Compute/images(/[^/]+)?", "GetImages", IMAGE_GET),
    ("GET", r".*/locations/[^/]+/(Disk|caps)?Operations/[^/]+", "GetOperation", VM_POLL),
    ("GET", r".*/locations/[^/]+/usages", "GetSubscriptionInfo", VM_LIST),
    ("PUT|PATCH|DELETE", r".*/Microsoft\.Compute/disks/[^/]+", "CreateUpdateDisks", VM_LIST),
    ("GET", r".*/Microsoft\.Compute/disks(/[^/]+)?", "LowCostGet", VM_LIST),
]
GROUPS = [(re.compile(m), re.compile(p, re.IGNORECASE), n, limit) for m, p, n, limit in COMPUTE]
KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}


class Throttle:
    """The buckets of one cloud.

    Args:
        cloud: its clock refills them.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._levels: dict[str, tuple[float, float]] = {}

    def admit(self, call: Call) -> dict[str, str]:
        """Count a request.

        Returns:
            Headers that tell what is left.

        Raises:
            AzureError: 429, with the time until the next request is admitted.
        """
        kind = KINDS.get(call.method, "writes")
        left = self._take(f"arm/{kind}", ARM[kind])
        if left < 0:
            raise self._subscription_refusal(call, ARM[kind])
        headers = {f"x-ms-ratelimit-remaining-subscription-{kind}": str(int(left))}
        return headers | self._admit_compute(call)

    def _admit_compute(self, call: Call) -> dict[str, str]:
        if "/microsoft.compute/" not in call.path.lower():
            return {}
        for method, path, name, limit in GROUPS:
            if method.fullmatch(call.method) and path.fullmatch(call.path):
                left = self._take(f"{name}/{self._subject(call, name)}", limit)
                if left < 0:
                    raise self._compute_refusal(name, limit)
                return {"x-ms-ratelimit-remaining-resource": _remaining(name, limit, int(left))}
        return {}

    def _subject(self, call: Call, name: str) -> str:
        if name == "GetOperation":
            operation = self._cloud.operations.find(call.path.rpartition("/")[2])
            return operation.resource.lower() if operation else ""
        return "/".join(call.path.lower().split("/")[:9])

    def _take(self, key: str, limit: Limit) -> float:
        now = self._cloud.clock.now()
        level, since = self._levels.get(key, (float(limit.burst), now))
        level = min(float(limit.burst), level + (now - since) * limit.per_second)
        left = level - 1
        self._levels[key] = (left if left >= 0 else level, now)
        return left

    def _wait(self, limit: Limit) -> dict[str, str]:
        return wait_headers(1 / limit.per_second / self._cloud.clock.speed)

    def _subscription_refusal(self, call: Call, limit: Limit) -> AzureError:
        message = (
            f"Number of requests for subscription '{self._cloud.identity.subscription_id}' and "
            f"operation '{call.method}{call.path.upper()}' exceeded the backend storage limit. "
            f"Please try again after '{max(1, round(1 / limit.per_second))}' seconds."
        )
        return AzureError(
            429,
            "SubscriptionRequestsThrottled",
            message,
            headers=self._wait(limit),
            is_gateway=True,
        )

    def _compute_refusal(self, name: str, limit: Limit) -> AzureError:
        now = self._cloud.clock.now()
        group = f"{name}3Min"
        told = {
            "operationGroup": group,
            "startTime": iso(now - 180),
            "endTime": iso(now),
            "allowedRequestCount": limit.burst,
            "measuredRequestCount": limit.burst + 1,
        }
        return AzureError(
            429,
            "OperationNotAllowed",
            "The server rejected the request because too many requests have been received for this "
            "subscription.",
            details=[{"code": "TooManyRequests", "target": group, "message": json.dumps(told)}],
            headers=self._wait(limit)
            | {"x-ms-ratelimit-remaining-resource": _remaining(name, limit, 0)},
        )


def _remaining(name: str, limit: Limit, left: int) -> str:
    short = f"Microsoft.Compute/{name}3Min;{left}"
    if name in SHORT_ONLY:
        return short
    long_left = limit.burst * LONG_WINDOW - (limit.burst - left)
    return f"{short},Microsoft.Compute/{name}30Min;{long_left}"
