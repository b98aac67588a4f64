"""The connection to Azure: which one, with whose credentials, and the clients made on demand.

`connect` asks nobody: it reads settings (and the local Azure's status file) and prepares. Imports
are late where they are heavy: azure-mgmt-compute takes 0.4 s and azure-mgmt-network 0.6 s to load,
and a status needs neither.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from azure.mgmt.core import ARMPipelineClient

from vmpool.arm.pipeline import Access, OperationTimes, Watcher, make_policies, make_transport
from vmpool.clock import CloudClock
from vmpool.errors import CloudUnreachableError, UsageError
from vmpool.settings import CloudKind, Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import RequestsTransport
    from azure.core.rest import HttpRequest, HttpResponse
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.network import NetworkManagementClient

T = TypeVar("T")

AZURE_ENDPOINT = "https://management.azure.com"
AZURE_PRICES = "https://prices.azure.com/api/retail/prices"
SSH_PORT = 22
POLL_CLOUD_SECONDS = 5.0
"""Between polls of an operation when Azure does not say; the SDK's default of 30 s is half a
deallocate. Five seconds stay under the 15 polls a minute that a VM has."""
FASTEST_POLL_WALL_SECONDS = 0.05
LIVENESS_WALL_SECONDS = 2.0
NOT_RUNNING = "local Azure is not running: oa-vm local start"


# Every failure is translated into one line; azure-identity would log a page at each try.
logging.getLogger("azure.identity").setLevel(logging.CRITICAL)


@dataclass(eq=False)
class Cloud:
    """A connection to one subscription. Thread-safe; lives as long as one operation.

    Attributes:
        settings: as given.
        access: endpoint and credentials.
        subscription_id: GUID of the subscription.
        resource_group: group of every pool.
        ssh_port: port of every VM's sshd.
        my_address_url: answers the caller's address as plain text.
        registry_mirror: where public registries are asked instead, "" for at their own addresses.
        clock: the cloud's clock; every answer's `Date` feeds it.
        prices_url: the retail price list, which needs no login.
        watchers: called with every exchange; append to count requests.
        operation_times: when Azure's operations on each resource began and ended.
    """

    settings: Settings
    access: Access
    subscription_id: str
    resource_group: str
    ssh_port: int
    my_address_url: str
    clock: CloudClock
    prices_url: str = ""
    registry_mirror: str = ""
    watchers: list[Watcher] = field(default_factory=list)
    operation_times: OperationTimes = field(default_factory=OperationTimes)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _memo: dict[tuple[Hashable, ...], Any] = field(default_factory=dict)
    _memo_locks: dict[tuple[Hashable, ...], threading.Lock] = field(default_factory=dict)

    @property
    def speed(self) -> float:
        """Cloud seconds per wall second."""
        return self.clock.speed

    @cached_property
    def polling_wall_seconds(self) -> float:
        """Between polls of an operation when Azure does not say."""
        return max(self.clock.wall_seconds(POLL_CLOUD_SECONDS), FASTEST_POLL_WALL_SECONDS)

    @cached_property
    def transport(self) -> RequestsTransport:
        """The connection pool that all clients share."""
        return make_transport(self.access)

    @property
    def arm(self) -> ARMPipelineClient[HttpRequest, HttpResponse]:
        """Bare Resource Manager: for reads, tags and groups; costs no import of models."""
        return self._made("arm", lambda: ARMPipelineClient(self.access.endpoint, **self._chain()))

    @property
    def compute(self) -> ComputeManagementClient:
        """Azure's client of Microsoft.Compute."""
        from azure.mgmt.compute import ComputeManagementClient  # noqa: PLC0415 # 0.4 s

        return self._made("compute", lambda: ComputeManagementClient(**self._client_options()))

    @property
    def network(self) -> NetworkManagementClient:
        """Azure's client of Microsoft.Network."""
        from azure.mgmt.network import NetworkManagementClient  # noqa: PLC0415 # 0.6 s

        return self._made("network", lambda: NetworkManagementClient(**self._client_options()))

    def preload(self) -> None:
        """Load Azure's models in the background: no phase need wait a second for an import."""
        threading.Thread(target=lambda: (self.compute, self.network), daemon=True).start()

    def once(self, key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
        """Make something once per connection, whoever asks first; the others wait for it.

        Args:
            key: what it is.
            make: makes it; what raises is not remembered.
        """
        with self._lock:
            lock = self._memo_locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._memo:
                made = make()
                with self._lock:
                    self._memo[key] = made
                return made
            known: T = self._memo[key]
            return known

    def forget(self, *prefix: Hashable) -> None:
        """Have `once` make again whatever has a key that begins so: it may no longer be true."""
        with self._lock:
            for key in [key for key in self._memo if key[: len(prefix)] == prefix]:
                del self._memo[key]

    def _made(self, name: str, make: Callable[[], T]) -> T:
        return self.once(("client", name), make)

    def _chain(self) -> dict[str, Any]:
        with self._lock:
            transport = self.transport
        return {
            "policies": make_policies(self.access, self.clock, self.watchers, self.operation_times),
            "transport": transport,
        }

    def _client_options(self) -> dict[str, Any]:
        return {
            "credential": self.access.credential,
            "subscription_id": self.subscription_id,
            "base_url": self.access.endpoint,
            "credential_scopes": [self.access.scope],
            "polling_interval": self.polling_wall_seconds,
            **self._chain(),
        }


def connect(settings: Settings, credential: TokenCredential | None = None) -> Cloud:
    """Prepare a connection; nothing is asked yet.

    Args:
        settings: say which Azure.
        credential: used instead of azure-identity's chain, e.g. of a Prefect block.

    Raises:
        UsageError: no subscription is set.
        CloudUnreachableError: the local Azure does not run.
    """
    if settings.cloud is CloudKind.LOCAL:
        return _connect_local(settings)
    if not settings.subscription_id:
        raise UsageError(
            "WAA_SUBSCRIPTION_ID is not set: az account show --query id -o tsv tells it"
        )
    access = Access(
        AZURE_ENDPOINT, f"{AZURE_ENDPOINT}/.default", credential or _default_credential()
    )
    return Cloud(
        settings=settings,
        access=access,
        subscription_id=settings.subscription_id,
        resource_group=settings.resource_group,
        ssh_port=SSH_PORT,
        my_address_url=settings.my_address_url,
        clock=CloudClock(),
        prices_url=settings.prices_url or AZURE_PRICES,
    )


def _default_credential() -> TokenCredential:
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415 # 0.3 s

    return DefaultAzureCredential()


def _connect_local(settings: Settings) -> Cloud:
    status = _read_status(settings.local_state_dir / "status.json")
    _check_alive(status["endpoint"])
    return Cloud(
        settings=settings,
        access=_local_access(status),
        subscription_id=status["subscription_id"],
        resource_group=settings.resource_group,
        ssh_port=int(status["ssh_port"]),
        my_address_url=status["my_address_url"],
        clock=CloudClock(speed=float(status["speed"])),
        prices_url=settings.prices_url or status.get("prices_url", ""),
        registry_mirror=status.get("registry_mirror", ""),
    )


def _local_access(status: dict[str, Any]) -> Access:
    from azure.identity import ClientSecretCredential  # noqa: PLC0415 # 0.3 s

    endpoint, ca_file = status["endpoint"], status["ca_file"]
    credential = ClientSecretCredential(
        status["tenant_id"],
        status["client_id"],
        status["client_secret"],
        authority=endpoint,
        disable_instance_discovery=True,
        connection_verify=ca_file,
        use_env_settings=False,
        retry_total=1,
    )
    return Access(endpoint, f"{endpoint}/.default", credential, ca_file)


def _read_status(path: Path) -> dict[str, Any]:
    """What the running local Azure says of itself; it removes the file when it stops."""
    try:
        status: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CloudUnreachableError(NOT_RUNNING) from error
    return status


def _check_alive(endpoint: str) -> None:
    """A killed server leaves its status file: see whether anybody listens."""
    url = urlsplit(endpoint)
    try:
        with socket.create_connection((url.hostname, url.port), LIVENESS_WALL_SECONDS):
            pass
    except OSError as error:
        raise CloudUnreachableError(NOT_RUNNING) from error
