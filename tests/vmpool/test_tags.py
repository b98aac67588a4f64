from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from vmpool.guards import Guards, Lease, ServerTimer, TimerKind
from vmpool.model import Intent, WindowsState, WorkerTags
from vmpool.tags import AUTO_PAUSE_AT, INTENT, decode, encode, format_time, parse_time

NAMES = st.from_regex(r"[a-z][a-z0-9-]{1,30}[a-z0-9]", fullmatch=True)
IDS = st.uuids().map(str)
MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 # the strategy adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=0))

TIMERS = (
    st.builds(
        ServerTimer,
        st.just(TimerKind.COMPUTE_SCHEDULE),
        MOMENTS,
        st.lists(IDS, min_size=1, max_size=4).map(tuple),
    )
    | st.builds(ServerTimer, st.just(TimerKind.DEV_TEST_LAB), MOMENTS)
    | st.builds(ServerTimer, st.just(TimerKind.NONE), reason=st.sampled_from(["", "A", "A B"]))
    | st.just(ServerTimer(TimerKind.OFF))
)
GUARDS = st.builds(
    Guards,
    lease=st.none() | st.builds(Lease, NAMES, MOMENTS, MOMENTS, MOMENTS),
    server=st.none() | TIMERS,
    warned_of=st.none() | MOMENTS,
    idle_warned_at=st.none() | MOMENTS,
    deletion_warned_at=st.none() | MOMENTS,
    is_kept=st.booleans(),
)

WORKER_TAGS = st.builds(
    WorkerTags,
    pool=NAMES,
    pool_id=st.uuids().map(str),
    worker=NAMES,
    intent=st.sampled_from(Intent),
    intent_at=MOMENTS,
    auto_pause_at=st.none() | MOMENTS,
    windows=st.sampled_from(WindowsState),
    host_key=st.just("") | st.just("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"),
    ready_at=st.none() | MOMENTS,
    guards=GUARDS,
)


@given(WORKER_TAGS)
def test_what_is_encoded_decodes_to_the_same(tags: WorkerTags) -> None:
    assert decode(encode(tags)) == tags


@given(WORKER_TAGS)
def test_tag_names_are_read_in_any_case(tags: WorkerTags) -> None:
    assert decode({key.upper(): value for key, value in encode(tags).items()}) == tags


@given(WORKER_TAGS)
def test_tags_keep_within_azures_limits(tags: WorkerTags) -> None:
    encoded = encode(tags)
    assert len(encoded) <= 50
    assert all(len(value) <= 256 for value in encoded.values())
    assert not any(set(key) & set("<>%&\\?/") for key in encoded)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5))
def test_foreign_tags_are_not_ours(tags: dict[str, str]) -> None:
    assert decode(tags) is None


@given(WORKER_TAGS, st.text(max_size=10))
def test_a_damaged_timer_reads_as_no_timer(tags: WorkerTags, text: str) -> None:
    decoded = decode({**encode(tags), AUTO_PAUSE_AT: f"x{text}"})
    assert decoded is not None
    assert decoded.auto_pause_at is None


@given(WORKER_TAGS)
def test_a_damaged_intent_makes_the_tags_unreadable(tags: WorkerTags) -> None:
    assert decode({**encode(tags), INTENT: "nonsense"}) is None


def test_times_are_written_in_utc() -> None:
    moment = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(moment) == "2025-12-31T23:30:00Z"


def test_a_time_without_a_zone_is_no_time() -> None:
    assert parse_time("2026-01-01T00:00:00") is None
