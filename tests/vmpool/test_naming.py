from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool import naming

GROUP_CHARACTERS = st.sampled_from("abzABZ019_-.()")


@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 # the zone is given beside
def test_a_version_tells_its_image_and_is_one_that_azure_takes(at: datetime) -> None:
    image = naming.image_name(at)
    version = naming.version_name(image)
    assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.0", version)
    assert all(int(part) < 2**31 for part in version.split("."))
    assert naming.image_of_version(version) == image


@pytest.mark.parametrize("version", ["1.0.0", "20261124.233000.1", "latest", "20261124.1234567.0"])
def test_a_version_that_we_did_not_name_is_no_image(version: str) -> None:
    assert naming.image_of_version(version) is None


@given(st.text(GROUP_CHARACTERS, min_size=1, max_size=90))
def test_a_gallery_name_is_one_that_azure_takes(group: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.]{0,78}[A-Za-z0-9_]", naming.gallery_name(group))


def test_groups_that_look_alike_have_galleries_of_their_own() -> None:
    names = {naming.gallery_name(group) for group in ("my-group", "my_group", "my.group")}
    assert len(names) == 3
    assert naming.gallery_name("waa") == "waa_waa"
