"""Real flows against a real local Azure and a real Prefect server; nothing of ours is mocked.

One Prefect server and one fast Azure for all tests of this folder. Each test, or each module whose
tests look at one operation from many sides, has a resource group of its own.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import Task
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import (
    PREFECT_API_SSL_CERT_FILE,
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_LOGGING_LEVEL,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    temporary_settings,
)
from prefect.testing import utilities
from raw_azure import RawAzure
from webhook import Webhook
from world import World

from deployments.notifications import ensure_notifications
from flows.pool_create import pool_create
from local_azure import control
from local_azure.control import Wanted
from oa_vm.environment import RECORDED_TOGETHER, exported
from tasks import (
    capacity,
    crew,
    deletion,
    docker_image,
    guests,
    machines,
    registry,
    session,
)
from vmpool.arm import pipeline
from vmpool.guest import tunnel

SPEED = 4000.0
"""Cloud seconds per wall second: Windows boots first in 0.3 s."""
LIMIT_WALL_SECONDS = 5.0
"""How long a phase may wait for what never comes."""


class QuickServer(SubprocessASGIServer):
    """A Prefect server that writes as ours does, each second, but into memory.

    On a file, a transaction that reads and then writes fails when another one has written in
    between: the server answers 503, and the client waits two seconds before it asks again.
    """

    def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
        url = "sqlite+aiosqlite:///:memory:"
        variables = {"PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1"}
        with (
            temporary_settings({PREFECT_SERVER_DATABASE_CONNECTION_URL: url}),
            exported(RECORDED_TOGETHER | variables),
        ):
            return super()._run_uvicorn_command()


@pytest.fixture(scope="session", autouse=True)
def prefect(state_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Prefect server; results in a folder of this run."""
    updates = {
        PREFECT_LOCAL_STORAGE_PATH: tmp_path_factory.mktemp("prefect"),
        PREFECT_LOGGING_LEVEL: "WARNING",
        PREFECT_SERVER_ANALYTICS_ENABLED: False,
        # A flow run makes four clients, each of which would load every CA there is for an API
        # that is plain HTTP: a tenth of a second.
        PREFECT_API_SSL_CERT_FILE: str(state_dir / "azure" / "ca.pem"),
    }
    with pytest.MonkeyPatch.context() as patch, temporary_settings(updates):
        patch.setattr(utilities, "SubprocessASGIServer", QuickServer)
        with utilities.prefect_test_harness(server_startup_timeout=300):
            yield


@pytest.fixture(scope="session", autouse=True)
def quick() -> Iterator[None]:
    """What waits on the wall waits less: limits and back-off, not what they do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "SHORTEST_LIMIT_WALL_SECONDS", LIMIT_WALL_SECONDS)
        patch.setattr(session, "FEWEST_WALL_SECONDS", 0.05)
        patch.setattr(session, "INSIST_DELAYS_SECONDS", (0.05, 0.1, 0.2))
        patch.setattr(pipeline, "BACKOFF_SECONDS", 0.02)
        patch.setattr(tunnel, "HOLD_WALL_SECONDS", 1.5)
        patch.setattr(crew, "RECOVER_WALL_SECONDS", 4.0)
        patch.setattr(crew, "RETRY_WALL_SECONDS", 0.5)
        for module in (capacity, deletion, docker_image, guests, machines, registry):
            for item in vars(module).values():
                if isinstance(item, Task) and isinstance(item.retry_delay_seconds, list):
                    patch.setattr(item, "retry_delay_seconds", [0.1] * item.retries)
        yield


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """WAA_STATE_DIR, with a local Azure running in it."""
    folder = tmp_path_factory.mktemp("state")
    control.launch(folder / "azure", Wanted(speed=SPEED))
    yield folder
    control.stop(folder / "azure")


@pytest.fixture(scope="session")
def raw(state_dir: Path) -> RawAzure:
    """The wire of the shared Azure."""
    found = control.status(state_dir / "azure")
    assert found
    return RawAzure(found)


@pytest.fixture(scope="module")
def shared_world(state_dir: Path, raw: RawAzure) -> Iterator[World]:
    """A resource group of a module's own."""
    world = World(state_dir, raw, f"g{uuid.uuid4().hex[:8]}")
    yield world
    world.close()


@pytest.fixture
def world(state_dir: Path, raw: RawAzure) -> Iterator[World]:
    """A resource group of a test's own; afterwards whatever bills must have had a timer."""
    world = World(state_dir, raw, f"g{uuid.uuid4().hex[:8]}")
    yield world
    world.check_timers()
    world.close()


@pytest.fixture(scope="session")
def home(state_dir: Path, raw: RawAzure) -> Iterator[World]:
    """The world of the pool that `ready` gives."""
    world = World(state_dir, raw, f"g{uuid.uuid4().hex[:8]}")
    yield world
    world.close()


@pytest.fixture
async def ready(home: World) -> AsyncIterator[World]:
    """A pool of two, ready whatever the test before did to it; shared, so pools cost less."""
    home.raw.clear_faults()
    if not all(home.is_ready(index) for index in range(2)):
        run = await home.run(pool_create, workers=2, auto_pause_hours=48)
        assert run.status["state"] == "ready"
    yield home
    home.check_timers()


@pytest.fixture
def lonely_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Starts an Azure of the test's own, which it may stop or slow down."""
    folder = tmp_path / "azure"

    def start(**wanted: Any) -> World:
        status = control.launch(folder, Wanted(**{"speed": SPEED, **wanted}))
        return World(tmp_path, RawAzure(status), "alone")

    yield start
    control.stop(folder)


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    """A notification block that warnings are sent to, and what arrives there."""
    with Webhook() as listener:
        message = {"subject": "{{subject}}", "body": "{{body}}"}
        block = CustomWebhookNotificationBlock(name="team", url=listener.url, json_data=message)
        await block.save("team", overwrite=True)
        await ensure_notifications("custom-webhook/team")
        yield listener
        await ensure_notifications("")
