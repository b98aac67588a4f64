from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vmpool.clock import CloudClock

START = datetime(2026, 1, 1, tzinfo=UTC)


class Wall:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """What `time.monotonic` would say."""
        return self.seconds


def test_cloud_time_runs_speed_times_as_fast() -> None:
    wall = Wall()
    clock = CloudClock(60.0, wall, START)
    wall.seconds = 2.0
    assert clock.now() == START + timedelta(minutes=2)


def test_the_clouds_word_replaces_a_wrong_local_clock() -> None:
    clock = CloudClock(1.0, Wall(), START)
    clock.observe(START + timedelta(hours=3))
    assert clock.now() == START + timedelta(hours=3)


def test_small_differences_do_not_make_the_clock_jump() -> None:
    wall = Wall()
    clock = CloudClock(1.0, wall, START)
    clock.observe(START)
    wall.seconds = 1.5
    clock.observe(START + timedelta(seconds=1))
    assert clock.now() == START + timedelta(seconds=1.5)


def test_the_clock_is_never_behind_what_the_cloud_has_said() -> None:
    """A `Date` is rounded down: what it says has passed."""
    clock = CloudClock(1.0, Wall(), START)
    clock.observe(START)
    clock.observe(START + timedelta(seconds=1))
    assert clock.now() == START + timedelta(seconds=1)


def test_a_clock_advanced_by_days_is_followed() -> None:
    clock = CloudClock(60.0, Wall(), START)
    clock.observe(START)
    clock.observe(START + timedelta(days=14))
    assert clock.now() == START + timedelta(days=14)


def test_wall_seconds_shrink_with_speed() -> None:
    assert CloudClock(60.0, Wall(), START).wall_seconds(300) == pytest.approx(5.0)
