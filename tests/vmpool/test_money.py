from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vmpool.money import Ledger, Prices, Sums, add, times
from vmpool.settings import MAX_WORKERS
from vmpool.spent import Gone, Spent

AZURE_LIMIT = 256
AT = datetime(2026, 1, 1, tzinfo=UTC)
amounts = st.none() | st.floats(0, 1e6).map(lambda amount: round(amount, 6))
sums = st.builds(Sums, amounts, amounts, amounts, amounts)
moments = st.integers(0, 10**9).map(lambda seconds: AT + timedelta(seconds=seconds))


@given(st.builds(Prices, amounts, amounts, amounts, st.sampled_from(["retail", "table"]),
                 st.sampled_from(["Standard_D8ds_v5", ""])))  # fmt: skip
def test_prices_survive_their_tag(prices: Prices) -> None:
    text = prices.encode()
    read = Prices.decode(text)
    assert read
    assert len(text) <= AZURE_LIMIT
    assert (read.vm is None) == (prices.vm is None)
    assert read.vm is None or abs(read.vm - (prices.vm or 0)) <= 1e-6 * max(read.vm, 1)
    assert (read.source, read.size) == (prices.source, prices.size)


@given(
    st.builds(
        Ledger,
        st.floats(-1, 1e9),
        moments,
        st.booleans(),
        st.floats(0, 1e9),
        moments,
        st.floats(0, 1e9),
    )
)
def test_a_ledger_survives_its_tag(ledger: Ledger) -> None:
    """To a tenth of a second of what is billed, for decades."""
    text = ledger.encode()
    read = Ledger.decode(text)
    assert read
    assert len(text) <= AZURE_LIMIT
    assert abs(read.billed_seconds - ledger.billed_seconds) <= 0.06
    assert (read.until, read.is_billed) == (ledger.until, ledger.is_billed)
    assert Ledger.decode(read.encode()) == read


@given(
    sums,
    st.dictionaries(
        st.integers(0, MAX_WORKERS - 1).map(lambda number: f"{number:02d}"),
        st.builds(Gone, moments, sums),
        max_size=MAX_WORKERS,
    ),
    st.integers(0, 40),
)
def test_what_deleted_workers_cost_survives_its_tags(
    finished: Sums, pending: dict[str, Gone], packs: int
) -> None:
    """A hundred workers at once, in fewer tags than Azure takes, and no old tag left standing."""
    old = {f"waa-spent.{index}": "09@1:1:1:1" for index in range(packs)}
    tags = old | Spent(finished, pending, packs).encode("waa-spent")
    assert len(tags) <= 45
    assert all(len(value) <= AZURE_LIMIT for value in tags.values())
    read = Spent.decode("waa-spent", {"waa-pool": "p"} | tags)
    assert read
    assert (read.finished, read.pending) == (finished, pending)


def test_nothing_noted_is_not_nothing_spent() -> None:
    assert Spent.decode("waa-spent", {"waa-pool": "p"}) is None


def test_damaged_tags_are_unknown_and_not_zero() -> None:
    read = Spent.decode("waa-spent", {"waa-spent": "nonsense"})
    assert read
    assert read.finished == Sums(None, None, None, None)
    assert Prices.decode("vm=0.4") is None
    prices = Prices.decode("vm=-1 disk=nan ip=x source=retail")
    assert prices
    assert (prices.vm, prices.disk, prices.ip) == (None, None, None)


def test_what_is_unknown_makes_its_sums_unknown() -> None:
    assert add(1.0, None) is None
    assert times(None, 3.0) is None
    assert (Sums(1.0, 2.0, 3.0) + Sums(1.0, None, 0.0)).total is None
    assert add() == 0
