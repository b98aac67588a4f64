"""How long clients are told to wait: cloud seconds turned into wall seconds.

Azure sends whole seconds. Here a poll interval is often below one wall second: then the first
answer says nothing (Azure's SDK polls at once) and polls say `retry-after-ms`. Never 0, which the
SDK reads as "use your default of 30 s".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

POLL_CLOUD_SECONDS = 10.0
"""What Azure asks for between two polls of an operation."""
FLOOR_WALL_SECONDS = 0.05
PER_OPERATION_WALL_SECONDS = 0.01
"""Each running operation makes everybody poll a little slower, as a busy server would ask."""


def poll_headers(cloud: Cloud, *, is_first: bool) -> dict[str, str]:
    """Headers that say when to poll an operation."""
    floor = FLOOR_WALL_SECONDS + PER_OPERATION_WALL_SECONDS * cloud.operations.busy_count()
    wall = max(POLL_CLOUD_SECONDS / cloud.clock.speed, min(floor, POLL_CLOUD_SECONDS))
    return wait_headers(wall, is_first=is_first)


def wait_headers(wall_seconds: float, *, is_first: bool = False) -> dict[str, str]:
    """Headers that say how long to wait."""
    if wall_seconds >= 1:
        return {"retry-after": str(math.ceil(wall_seconds))}
    if is_first:
        return {}
    return {"retry-after-ms": str(max(1, math.ceil(wall_seconds * 1000)))}
