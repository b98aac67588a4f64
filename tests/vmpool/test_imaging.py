from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool import imaging, tags
from vmpool.context import WINDOWS_LABEL
from vmpool.errors import NotFoundError, UsageError
from vmpool.golden import Image, ImageKind, ImageState
from vmpool.model import PoolSpec

NOW = datetime(2026, 1, 31, tzinfo=UTC)
SPEC = PoolSpec("p1", 2, ("Standard_D8ds_v5",), ("eastus", "westus2"), 2.0, 2)


def image(
    name: str = "i1",
    state: ImageState = ImageState.CURRENT,
    *,
    days: float = 1,
    region: str = "westus2",
    others: tuple[str, ...] = (),
) -> Image:
    """A golden image, `days` old."""
    return Image(
        name=name,
        resource_id=f"/subscriptions/s/x/{name}",
        region=region,
        size_gb=128,
        state=state,
        created_at=NOW - timedelta(days=days),
        docker_image="waa-auto:abc",
        has_windows=True,
        kind=ImageKind.GALLERY if others else ImageKind.MANAGED,
        replicated_to=others,
        replicas=1 + len(others),
    )


def names(images: tuple[Image, ...]) -> list[str]:
    return [item.name for item in images]


def test_auto_takes_the_newest_current_image_and_its_region_first() -> None:
    images = [image("old", days=9), image("new"), image("c", ImageState.CANDIDATE, days=0)]
    spec = imaging.from_image(SPEC, images, "auto")
    assert (spec.image and spec.image.name, spec.regions) == ("new", ("westus2", "eastus"))


def test_auto_without_a_usable_image_is_bare_ubuntu() -> None:
    assert imaging.from_image(SPEC, [], "auto") == SPEC
    assert imaging.from_image(SPEC, [image(region="northeurope")], "auto") == SPEC


def test_none_is_bare_ubuntu_whatever_there_is() -> None:
    assert imaging.from_image(SPEC, [image()], "none") == SPEC


def test_a_named_image_is_taken_whatever_its_state() -> None:
    spec = imaging.from_image(SPEC, [image("back", ImageState.PREVIOUS)], "back")
    assert spec.image
    assert spec.image.name == "back"


def test_a_named_image_that_does_not_exist_or_is_elsewhere_is_refused() -> None:
    with pytest.raises(NotFoundError, match="oa-vm image-list"):
        imaging.from_image(SPEC, [image()], "typo")
    with pytest.raises(UsageError, match="northeurope only"):
        imaging.from_image(SPEC, [image("far", region="northeurope")], "far")


def test_a_replicated_image_puts_its_regions_first_in_the_wanted_order() -> None:
    spec = replace(SPEC, regions=("northeurope", "eastus", "uksouth", "westus2"))
    made = imaging.from_image(spec, [image(others=("eastus", "francecentral"))], "auto")
    assert made.regions == ("eastus", "westus2", "northeurope", "uksouth")
    usable = [region for region in made.regions if imaging.image_in(made, region)]
    assert usable == ["eastus", "westus2"]


def test_an_image_that_failed_is_not_taken_and_can_be_named_for_deletion() -> None:
    failed = image("bad", ImageState.FAILED)
    with pytest.raises(UsageError, match="failed its bake"):
        imaging.from_image(SPEC, [failed], "bad")
    assert imaging.from_image(SPEC, [failed], "auto") == SPEC
    assert imaging.named([failed], "bad") is failed


def test_what_failed_is_surplus_wherever_it_is() -> None:
    images = [image("new"), image("bad", ImageState.FAILED, region="eastus")]
    assert names(imaging.surplus(images, images[0])) == ["bad"]


def test_an_image_that_serves_further_regions_does_not_step_down() -> None:
    wider = image("wider", days=7, others=("eastus",))
    narrow = image("narrow", ImageState.CANDIDATE, days=0)
    assert names(imaging.promote([wider, narrow], narrow, None)) == ["narrow"]
    wide = image("wide", ImageState.CANDIDATE, days=0, others=("eastus",))
    assert names(imaging.promote([wider, narrow, wide], wide, None)) == ["wide", "wider"]


def test_promotion_has_the_one_before_step_down_in_its_own_region() -> None:
    candidate = image("new", ImageState.CANDIDATE, days=0)
    images = [image("was", days=7), image("elsewhere", days=20, region="eastus"), candidate]
    changed = imaging.promote(images, candidate, 190)
    assert [(i.name, i.state, i.boot_seconds) for i in changed] == [
        ("new", ImageState.CURRENT, 190),
        ("was", ImageState.PREVIOUS, None),
    ]


def test_older_and_abandoned_images_of_the_region_are_surplus() -> None:
    images = [
        image("older", ImageState.PREVIOUS, days=14),
        image("new"),
        image("killed", ImageState.CANDIDATE, days=3),
        image("was", ImageState.PREVIOUS, days=7),
        image("elsewhere", ImageState.PREVIOUS, days=99, region="eastus"),
        image("wider", ImageState.PREVIOUS, days=98, others=("eastus",)),
    ]
    assert names(imaging.surplus(images, images[1])) == ["older", "killed"]


@given(st.lists(st.tuples(st.sampled_from(ImageState), st.integers(1, 99)), max_size=8))
def test_after_any_promotion_one_is_current_and_at_most_two_are_left(
    others: list[tuple[ImageState, int]],
) -> None:
    images = [image(f"i{n}", state, days=days) for n, (state, days) in enumerate(others)]
    candidate = image("new", ImageState.CANDIDATE, days=0)
    after = {item.name: item for item in [*images, candidate]}
    after |= {item.name: item for item in imaging.promote([*images, candidate], candidate, None)}
    for gone in imaging.surplus(list(after.values()), after["new"]):
        del after[gone.name]
    assert [i.name for i in after.values() if i.state is ImageState.CURRENT] == ["new"]
    assert len(after) <= imaging.KEPT


REGIONS = ("eastus", "eastus2", "westus2")
PLACES = st.lists(st.sampled_from(REGIONS), min_size=1, unique=True)


@given(
    st.lists(st.tuples(st.sampled_from(ImageState), st.integers(1, 99), PLACES), max_size=8),
    PLACES,
)
def test_no_region_loses_its_current_image_by_a_promotion(
    others: list[tuple[ImageState, int, list[str]]], places: list[str]
) -> None:
    images = [
        image(f"i{n}", state, days=days, region=first, others=tuple(rest))
        for n, (state, days, (first, *rest)) in enumerate(others)
    ]
    candidate = image(
        "new", ImageState.CANDIDATE, days=0, region=places[0], others=tuple(places[1:])
    )
    before = {i.name: i for i in [*images, candidate]}
    after = before | {i.name: i for i in imaging.promote([*images, candidate], candidate, None)}
    for gone in imaging.surplus(list(after.values()), after["new"]):
        del after[gone.name]

    def served(found: dict[str, Image]) -> set[str]:
        current = [i for i in found.values() if i.state is ImageState.CURRENT]
        return {region for i in current for region in i.regions}

    assert served(after) == served(before) | set(places)
    assert not [i for i in after.values() if i.state is ImageState.FAILED]
    assert len([i for i in after.values() if set(i.regions) <= set(places)]) <= imaging.KEPT
    spec = replace(SPEC, regions=REGIONS)
    for region in places:
        made = imaging.from_image(replace(spec, regions=(region,)), list(after.values()), "auto")
        assert made.image
        assert made.image.name == "new"


@given(
    st.sampled_from(ImageState),
    st.booleans(),
    st.none() | st.integers(0, 10_000),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 # the zone is given beside
)
def test_what_tags_are_written_is_read_again(
    state: ImageState,
    has_windows: bool,  # noqa: FBT001 # hypothesis draws it
    boot_seconds: int | None,
    at: datetime,
) -> None:
    made = replace(
        image(),
        state=state,
        has_windows=has_windows,
        boot_seconds=boot_seconds,
        created_at=at.replace(microsecond=0),
    )
    read = tags.decode_image(
        made.name, made.resource_id, made.region, made.size_gb, tags.encode_image(made)
    )
    assert read == made


def test_an_image_of_somebody_else_is_none_of_ours() -> None:
    assert tags.decode_image("x", "/x", "eastus", 30, {"team": "qa"}) is None
    assert tags.decode_image("x", "/x", "eastus", 30, None) is None


def test_a_changed_context_makes_an_image_stale() -> None:
    assert not imaging.what_changed(image(), "waa-auto:abc", {})
    (said,) = imaging.what_changed(image(), "waa-auto:abd", {})
    assert "build context" in said


def test_a_base_image_that_moved_makes_an_image_stale() -> None:
    made = replace(image(), windows_digest="sha256:" + 64 * "1")
    moved = {WINDOWS_LABEL: "sha256:" + 64 * "2"}
    (said,) = imaging.what_changed(made, "waa-auto:abc", moved)
    assert "Windows base image, now sha256:222222222222" in said


@pytest.mark.parametrize("bases", [{}, {WINDOWS_LABEL: ""}, {WINDOWS_LABEL: "sha256:1"}])
def test_what_is_not_known_or_the_same_makes_no_image_stale(bases: dict[str, str]) -> None:
    made = replace(image(), windows_digest="sha256:1")
    assert not imaging.what_changed(made, "waa-auto:abc", bases)


def test_an_image_costs_its_size_and_ages() -> None:
    assert imaging.usd_per_month(image(), 0.05) == pytest.approx(6.4)
    assert imaging.usd_per_month(image(others=("eastus",)), 0.05) == pytest.approx(12.8)
    assert imaging.usd_per_month(image(), None) is None
    assert imaging.age_days(image(days=3), NOW) == pytest.approx(3)
