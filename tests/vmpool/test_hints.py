from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vmpool.hints import hint
from vmpool.ledger import opened, switched
from vmpool.model import Intent, Leftover, Observed, Place, PowerState, Worker, WorkerTags
from vmpool.money import Prices

T0 = datetime(2026, 1, 1, tzinfo=UTC)
PRICES = Prices(0.5, 0.03, 0.005, "retail", "Standard_D8ds_v5")
IDS = "/subscriptions/s/resourceGroups/Waa/providers"
LEDGER = switched(opened(T0), T0, is_billed=True)
TAGS = WorkerTags("p1", "id", "p1-00", Intent.READY, T0, prices=PRICES, ledger=LEDGER)
VM = Worker(
    "p1-00", "vm", f"{IDS}/Microsoft.Compute/virtualMachines/p1-00",
    Place("Standard_D8ds_v5", "eastus"), PowerState.RUNNING, "Succeeded", TAGS, "", T0, T0,
)  # fmt: skip
DISK = Leftover(
    f"{IDS}/Microsoft.Compute/disks/d", "Microsoft.Compute/disks", "d", "eastus", "p1", "id",
    "p1-00", T0, PRICES,
)  # fmt: skip


def pool(*workers: Worker) -> Observed:
    return Observed("p1", T0 + timedelta(hours=3), workers, (DISK,))


def test_a_running_pool_is_up_since_its_session_began_and_can_be_paused() -> None:
    line = "p1 up since 01-01 00:00 UTC, 12.72 USD/day: oa-vm pool-pause --pool p1"
    assert hint(pool(VM), "waa", "waa-pool") == line


def test_a_paused_pool_costs_its_disks_and_can_be_deleted() -> None:
    tags = replace(TAGS, intent=Intent.PAUSE, intent_at=T0)
    ended = T0 + timedelta(hours=1)
    vm = replace(VM, power_state=PowerState.DEALLOCATED, tags=tags, changed_at=ended)
    line = "p1 paused since 01-01 01:00 UTC, 0.72 USD/day: oa-vm pool-cleanup"
    assert hint(pool(vm), "waa", "p1") == line


@pytest.mark.parametrize("power", [PowerState.STOPPED, PowerState.UNKNOWN, PowerState.STARTING])
def test_what_may_be_billed_is_never_called_paused(power: PowerState) -> None:
    line = hint(pool(replace(VM, power_state=power)), "waa", "p1")
    assert "p1 up" in line
    assert "12.72 USD/day" in line


def test_a_price_that_is_not_known_is_not_left_out() -> None:
    unknown = replace(VM, tags=replace(TAGS, prices=replace(PRICES, vm=None)))
    assert "0.72 + unknown USD/day" in hint(pool(unknown), "waa", "p1")


def test_a_pool_of_another_group_is_named_with_it() -> None:
    assert hint(pool(VM), "other", "p1").endswith(": WAA_RESOURCE_GROUP=Waa oa-vm pool-pause")
