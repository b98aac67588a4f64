from __future__ import annotations

from datetime import timedelta

import pytest

from oa_vm.views import describe_length


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "0 min"),
        (59.6, "1 h 00 min"),
        (125, "2 h 05 min"),
        (47 * 60 + 59, "47 h 59 min"),
        (76 * 60, "3 days 4 h"),
    ],
)
def test_a_length_of_time_is_said_in_the_units_that_matter(minutes: float, words: str) -> None:
    assert describe_length(timedelta(minutes=minutes)) == words
