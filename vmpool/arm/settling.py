"""Waits for a resource that an operation is making which we no longer hold.

A connection that is cut in the second hour of a replication must not begin it anew: whoever comes
again finds the resource on its way, and waits with this.
"""

from __future__ import annotations

import time

from vmpool.arm.clients import Cloud
from vmpool.arm.rest import find

MOVING = frozenset({"Creating", "Updating"})


def provisioning_state(cloud: Cloud, path: str, api_version: str) -> str:
    """A resource's provisioning state, "" when there is none."""
    document = find(cloud, path, api_version) or {}
    return str(document.get("properties", {}).get("provisioningState", ""))


class Settling:
    """What an `Operation` polls instead of Azure's operation.

    Args:
        cloud: connection.
        path: ARM id of the resource.
        api_version: to read it with.
    """

    def __init__(self, cloud: Cloud, path: str, api_version: str) -> None:
        self._cloud, self._path, self._api_version = cloud, path, api_version
        self._asked_at = time.monotonic()
        self._is_done = False

    def done(self) -> bool:
        """Whether it has come to rest; asks Azure no more often than one polls an operation."""
        now = time.monotonic()
        if not self._is_done and now - self._asked_at >= self._cloud.polling_wall_seconds:
            self._asked_at = now
            state = provisioning_state(self._cloud, self._path, self._api_version)
            self._is_done = state not in MOVING
        return self._is_done

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has, or `timeout` wall seconds have passed."""
        deadline = time.monotonic() + (timeout or 0.0)
        while not self.done() and time.monotonic() < deadline:
            time.sleep(min(self._cloud.polling_wall_seconds, timeout or 0.0))
