from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vmpool.books import unnoted
from vmpool.cost import cost, gone_of, sums_at_deletion, warnings
from vmpool.ledger import DELETING, LONGEST_DELETING, opened, switched
from vmpool.model import (
    Intent,
    Leftover,
    Observed,
    Place,
    PowerState,
    Worker,
    WorkerTags,
)
from vmpool.money import Ledger, Prices, Sums
from vmpool.receipt import break_even, notes, rows
from vmpool.spent import Gone, Spent
from vmpool.status import cost_document

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = "Standard_D8ds_v5"
PRICES = Prices(0.5, 0.03, 0.005, "retail", SIZE)
DISK, ADDRESS = "Microsoft.Compute/disks", "Microsoft.Network/publicIPAddresses"
NETWORK = "Microsoft.Network/virtualNetworks"


def hours(count: float) -> datetime:
    return T0 + timedelta(hours=count)


def part(kind: str, created_at: datetime | None = T0, worker: str = "p1-00") -> Leftover:
    return Leftover("/x", kind, "x", "eastus", "p1", "id", worker, created_at, PRICES)


def pool(
    at: datetime, *, power: PowerState = PowerState.RUNNING, ledger: Ledger | None = None,
    prices: Prices | None = PRICES, extra: tuple[Leftover, ...] = (),
) -> Observed:  # fmt: skip
    """A pool of one worker that was switched on when it was made."""
    ledger = ledger or switched(opened(T0), T0, is_billed=True)
    tags = WorkerTags("p1", "id", "p1-00", Intent.READY, T0, prices=prices, ledger=ledger)
    worker = Worker("p1-00", "vm", "/v", Place(SIZE, "eastus"), power, "Succeeded", tags, "",
                    T0, T0)  # fmt: skip
    return Observed("p1", at, (worker,), (part(DISK), part(ADDRESS), *extra))


def test_what_runs_costs_vm_disk_and_address() -> None:
    found = cost(pool(hours(10)))
    assert found.compute_usd == pytest.approx(5.0)
    assert found.disk_usd == pytest.approx(0.3)
    assert found.ip_usd == pytest.approx(0.05)
    assert found.total_usd == pytest.approx(5.35)
    assert found.idle_usd_per_day == pytest.approx(24 * 0.035)
    assert not found.is_estimate


def test_a_paused_pool_costs_disks_and_addresses_only() -> None:
    ledger = switched(switched(opened(T0), T0, is_billed=True), hours(1), is_billed=False)
    found = cost(pool(hours(1000), power=PowerState.DEALLOCATED, ledger=ledger))
    assert found.compute_usd == pytest.approx(0.5)
    assert found.disk_usd == pytest.approx(30.0)


def test_a_session_ends_with_the_pause_for_disks_and_addresses_too() -> None:
    """However long it is paused; by the end of Azure's operation, not by our note."""
    ledger = switched(switched(opened(T0), T0, is_billed=True), hours(1), is_billed=False)
    observed = pool(hours(1000), power=PowerState.DEALLOCATED, ledger=ledger)
    (worker,) = observed.workers
    paused = replace(observed, workers=(replace(worker, changed_at=hours(1.5)),))
    found = cost(paused).session
    assert found.compute == pytest.approx(0.5)
    assert found.disk == pytest.approx(1.5 * 0.03)
    assert found.ip == pytest.approx(1.5 * 0.005)


def test_without_a_ledger_the_total_is_unknown_and_said_to_be() -> None:
    bare = pool(hours(1))
    tags = WorkerTags("p1", "id", "p1-00", Intent.READY, T0)
    worker = Worker("p1-00", "vm", "/v", Place(SIZE, "eastus"), PowerState.RUNNING, "", tags)
    found = cost(Observed("p1", hours(1), (worker,), bare.leftovers))
    assert (found.compute_usd, found.total_usd) == (None, None)
    assert found.disk_usd == pytest.approx(0.03)
    assert found.is_estimate
    observed = Observed("p1", hours(1), (worker,), (part(ADDRESS, created_at=None),))
    assert [line.partition(":")[0] for line in warnings(observed)] == ["p1-00", "x"]


def test_a_resized_vm_is_warned_of() -> None:
    observed = pool(hours(1), prices=Prices(0.2, 0.03, 0.005, "retail", "Standard_D4ds_v5"))
    assert "is now a Standard_D8ds_v5, but costs are reckoned as Standard_D4ds_v5" in "".join(
        warnings(observed)
    )


def test_what_deleted_workers_cost_is_part_of_the_pool() -> None:
    spent = Spent(Sums(1.0, 2.0, 3.0), {"07": Gone(T0, Sums(10.0, 0.0, 0.0))})
    network = Leftover("/n", NETWORK, "n", "eastus", "p1", "id", "", spent=spent)
    found = cost(Observed("p1", hours(9), (), (network,)))
    assert (found.compute_usd, found.disk_usd, found.ip_usd) == (11.0, 2.0, 3.0)


def test_a_worker_whose_deletion_did_not_happen_is_not_counted_twice() -> None:
    """Its parts may go one by one: what is still there counts itself, what is gone is noted."""
    noted = Gone(hours(5), Sums(10.0, 20.0, 30.0))
    assert gone_of(pool(hours(9)), "00", noted) == Sums(0.0, 0.0, 0.0)
    only_address = Observed("p1", hours(9), (), (part(ADDRESS),))
    assert gone_of(only_address, "00", noted) == Sums(10.0, 20.0, 0.0)


def test_a_deletion_whose_end_nobody_saw_leaves_doubt() -> None:
    """The usual length is noted; it may have been any up to five minutes."""
    noted = sums_at_deletion(pool(hours(10)), "p1-00", hours(10))
    (usual, longest) = (length.total_seconds() / 3600 for length in (DELETING, LONGEST_DELETING))
    assert noted.sums.total == pytest.approx((10 + usual) * 0.535)
    assert noted.sums.uncertain == pytest.approx((longest - usual) * 0.535)


def test_what_is_uncertain_of_a_deleted_worker_stays_uncertain() -> None:
    spent = Spent(Sums(1.0, 2.0, 3.0, 0.1), {"07": Gone(T0, Sums(10.0, 0.0, 0.0, 0.2))})
    network = Leftover("/n", NETWORK, "n", "eastus", "p1", "id", "", spent=spent)
    found = cost(Observed("p1", hours(9), (), (network,)))
    assert found.uncertain_usd == pytest.approx(0.3)
    assert found.total_usd == pytest.approx(16.0)
    assert (found.least_usd, found.most_usd) == pytest.approx((15.7, 16.3))


def test_a_worker_that_was_made_again_does_not_hide_what_the_first_one_cost() -> None:
    again = Observed("p1", hours(9), (), (part(DISK, hours(6)), part(ADDRESS, hours(6))))
    noted = Gone(hours(5), Sums(10.0, 20.0, 30.0))
    assert gone_of(again, "00", noted) == noted.sums


def test_an_absent_pools_cost_is_unknown() -> None:
    assert cost(Observed("p1", T0, ())).total_usd is None


@pytest.mark.parametrize("power", [PowerState.DEALLOCATING, PowerState.UNKNOWN])
def test_what_moves_or_is_unknown_is_not_noted_yet(power: PowerState) -> None:
    assert unnoted(pool(hours(1), power=power)) == ()


def test_a_change_that_nobody_noted_is_found() -> None:
    (worker,) = unnoted(pool(hours(1), power=PowerState.DEALLOCATED))
    assert worker.name == "p1-00"
    assert unnoted(pool(hours(1), power=PowerState.STOPPED)) == ()


def test_the_receipt_tells_when_deleting_would_have_been_cheaper() -> None:
    """37 minutes of 0.535 USD an hour against 0.84 USD a day."""
    document = cost_document(cost(pool(hours(10))))
    found = break_even(document, 1, None, hours(10))
    assert found
    assert found["extra_usd"] == pytest.approx(37 / 60 * 0.535, abs=1e-4)
    assert found["days"] == pytest.approx(37 / 60 * 0.535 / 0.84, abs=0.01)
    assert [row["resource"] for row in rows(document)] == ["VMs", "OS disks", "addresses", "total"]
    (line,) = notes(document, found)
    assert line.startswith("Paused longer than 9.4 hours (until 2026-01-01 19:25 UTC)")


def test_a_receipt_tells_doubt_that_is_more_than_half_a_cent() -> None:
    document = cost_document(cost(pool(hours(10))))
    assert notes(document | {"uncertain_usd": 0.004}, None) == []
    doubt = {"uncertain_usd": 1.5, "least_usd": 1.0, "most_usd": 4.0}
    assert notes(document | doubt, None) == [
        "In all it is between 1.00 and 4.00 USD: a change was seen late."
    ]


def test_a_receipt_says_unknown_and_not_zero() -> None:
    document = cost_document(cost(Observed("p1", T0, (), (part(ADDRESS, created_at=None),))))
    assert rows(document)[2]["in all"] == "unknown"
    assert rows(document)[3]["in all"] == "unknown"
    assert break_even(document, 0, None, T0) is None
