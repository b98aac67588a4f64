"""One local Azure in one place: what it keeps, its clock, who works for it. No behaviour."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_azure.auth import Identity, Tokens
from local_azure.catalog import Catalog, Durations
from local_azure.clock import CloudClock
from local_azure.faults import Faults
from local_azure.hub.shelf import Shelf
from local_azure.hub.web import PREFIX
from local_azure.machines import Machines
from local_azure.meter import Meter, Prices
from local_azure.operations import Operations
from local_azure.registries.manager import Registries
from local_azure.retail.items import price_list
from local_azure.state import Store
from local_azure.throttle import Throttle

LOG_LENGTH = 2000
"""Requests that `/_local/requests` remembers."""


@dataclass(frozen=True)
class Address:
    """Where the cloud is reached: host and port of Resource Manager, port of the guests' SSH."""

    port: int
    ssh_port: int


class Cloud:
    """Everything there is.

    Args:
        folder: state folder.
        address: where it is reached.
        clock: its time.
        profile: durations; None for the default.
    """

    def __init__(
        self, folder: Path, address: Address, clock: CloudClock, profile: Path | None = None
    ) -> None:
        self.folder = folder
        self.ssh_port = address.ssh_port
        self.host = f"127.0.0.1:{address.port}"
        self.endpoint = f"https://{self.host}"
        self.clock = clock
        self.store = Store(folder / "cloud.sqlite")
        self.identity = Identity.load(self.store)
        self.tokens = Tokens(self.identity, clock, folder / "token.key", self.endpoint)
        self.catalog = Catalog.load()
        self.durations = Durations.load(profile)
        self.faults = Faults(self)
        self.meter = Meter(self.store, Prices.load())
        self.price_list = price_list(self.meter.prices, self.catalog)
        self.throttle = Throttle(self)
        self.operations = Operations(self)
        self.machines = Machines(self, folder)
        self.registries = Registries(self, folder)
        self.hub = Shelf(self.store)
        self.registry_mirror = self.url(PREFIX)
        self.requests: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)

    def url(self, path: str) -> str:
        """Absolute URL of a path."""
        return f"{self.endpoint}{path}"
