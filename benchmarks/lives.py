"""Runs histories one after the other on a local Azure of their own, whose clock stands still."""

from __future__ import annotations

import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from prefect.logging import disable_run_logger

from benchmarks.compared import Compared
from benchmarks.histories import History
from benchmarks.still_time import StillTime
from local_azure import control
from local_azure.control import Status
from vmpool.arm.clients import Cloud, connect
from vmpool.model import Place
from vmpool.settings import ServerDeadline, Settings

PLACES = [
    Place(size, region)
    for region in ("eastus", "eastus2", "westus2", "westeurope")
    for size in ("Standard_D8ds_v5", "Standard_D8s_v5")
]
TIMERS = (ServerDeadline.AUTO, ServerDeadline.DEV_TEST_LAB, ServerDeadline.AUTO)
"""Who ends what is forgotten for more than two hours: Azure's own timers, one batch the daily."""
BATCH = 25
"""Lives on one local Azure, and with durations of their own on one set of them."""
SPEED = 1.0
"""As Azure: its polls are seconds apart."""

AHEAD_SECONDS = 2.4


class Kind(StrEnum):
    """What is random about a life, beside its steps, waits and crashes."""

    USUAL = "usual"
    """Nothing: operations take what the product assumes of those that it did not see."""
    DURATIONS = "durations"
    """Operations take between a fifth and five times of that."""
    STRANGERS = "strangers"
    """Somebody else starts and deallocates too, while nobody looks."""
    AHEAD = "ahead"
    """The product's clock is ahead of Azure's, by as much as it lets pass."""


def profile(chance: random.Random) -> str:
    """A profile of the local Azure by which nothing takes what is usual."""
    usual = {
        "create": 300, "create_power_on": 30, "create_ssh_open": 90, "start": 45,
        "start_power_on": 10, "deallocate": 42, "power_off": 8, "delete": 34,
    }  # fmt: skip
    lines = [f"{key} = {value * 5 ** chance.uniform(-1, 1):.1f}" for key, value in usual.items()]
    return "\n".join(["[vm]", *lines, ""])


@contextmanager
def azure(kind: Kind, seed: int) -> Iterator[tuple[Status, Settings]]:
    """A local Azure for some lives.

    Args:
        kind: of the lives.
        seed: of its durations.
    """
    chance = random.Random(f"{kind}/{seed}")  # noqa: S311 # repeatable, not secret
    with tempfile.TemporaryDirectory(prefix="waa-cost-") as folder:
        durations = Path(folder) / "profile.toml"
        durations.write_text(profile(chance) if kind is Kind.DURATIONS else "")
        settings = Settings(
            _env_file=None, state_dir=Path(folder), server_deadline=TIMERS[seed // BATCH % 3]
        )
        wanted = control.Wanted(speed=SPEED, guests="none", profile=durations)
        status = control.launch(settings.local_state_dir, wanted)
        control.ask(status, "POST", "/_local/clock", {"hold": True})
        try:
            yield status, settings
        finally:
            control.stop(settings.local_state_dir)


async def live(
    status: Status, settings: Settings, kind: Kind, seeds: range
) -> AsyncIterator[Compared]:
    """Live one life for each seed.

    Args:
        status: the local Azure.
        settings: lead to it.
        kind: of the lives.
        seeds: of all chance, one for each.
    """
    with disable_run_logger():
        for seed in seeds:
            pool = f"h{seed}"
            cloud = connect(settings.model_copy(update={"resource_group": pool}))
            helpers = _Helpers(cloud, status)
            still = StillTime(helpers.advance)
            still.slow_down(cloud, AHEAD_SECONDS if kind is Kind.AHEAD else 0.0)
            chance = random.Random(f"{kind}/{seed}")  # noqa: S311 # repeatable, not secret
            place = PLACES[seed % len(PLACES)]
            has_strangers = kind is Kind.STRANGERS
            async with still.ruling():
                yield await History(
                    cloud, still, pool, place, chance, has_strangers, helpers.truth
                ).live()


class _Helpers:
    """The local Azure's own side, over the connections that are open already."""

    def __init__(self, cloud: Cloud, status: Status) -> None:
        self._cloud, self._status = cloud, status
        self._headers = {"x-local-admin": status.admin_token}

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ask("POST", "clock", {"advance": seconds})

    def truth(self, pool: str) -> float:
        """What a pool has cost."""
        found = self._ask("GET", "meter")["resources"]
        return sum(float(item["usd"]) for item in found if item["pool"] == pool)

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, list[dict[str, str]]]:
        session = self._cloud.transport.session
        assert session  # noqa: S101 # made with it
        url = f"{self._status.endpoint}/_local/{path}"
        answer = session.request(
            method, url, json=body, headers=self._headers, verify=self._status.ca_file, timeout=60
        )
        answer.raise_for_status()
        found: dict[str, list[dict[str, str]]] = answer.json()
        return found
