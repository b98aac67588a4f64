from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from png_reader import read_png

from vmpool.screen import MOST_BYTES, MOST_WIDTH, SHADES, Picture, coarse, halved, png, small_png


def ppm(picture: Picture) -> bytes:
    return b"P6\n%d %d\n255\n" % (picture.width, picture.height) + picture.pixels


@st.composite
def pictures(draw: st.DrawFn, least: int = 1) -> Picture:
    width, height = draw(st.integers(least, 9)), draw(st.integers(least, 9))
    size = 3 * width * height
    return Picture(width, height, draw(st.binary(min_size=size, max_size=size)))


@given(picture=pictures())
def test_a_png_shows_each_pixel_in_its_nearest_coarse_colour(picture: Picture) -> None:
    width, height, pixels = read_png(small_png(ppm(picture)))
    assert (width, height) == (picture.width, picture.height)
    assert pixels == picture.pixels.translate(coarse(SHADES[0]))
    assert all(abs(a - b) < 8 for a, b in zip(pixels, picture.pixels, strict=True))


@given(picture=pictures(least=2))
def test_half_a_picture_has_the_mean_of_four_pixels(picture: Picture) -> None:
    half, row = halved(picture), 3 * picture.width
    assert (half.width, half.height) == (picture.width // 2, picture.height // 2)
    for y in range(half.height):
        for x in range(3 * half.width):
            at = 2 * y * row + 6 * (x // 3) + x % 3
            four = [picture.pixels[at + down + right] for down in (0, row) for right in (0, 3)]
            assert sum(four) / 4 - 1 <= half.pixels[3 * half.width * y + x] <= sum(four) / 4


@pytest.mark.parametrize("shades", SHADES)
def test_black_and_white_stay_what_they_are(shades: int) -> None:
    picture = Picture(2, 1, b"\0\0\0\xff\xff\xff")
    assert read_png(png(picture, shades))[2] == picture.pixels


def test_colours_are_given_up_before_size() -> None:
    """Of a small picture nobody can read a letter."""
    picture = Picture(64, 64, random.Random(1).randbytes(3 * 64 * 64))  # noqa: S311 # as below
    fine = len(png(picture, SHADES[0]))
    width, _, pixels = read_png(small_png(ppm(picture), most_bytes=fine - 1))
    assert (width, set(pixels) <= set(coarse(SHADES[1]))) == (64, True)


def test_a_large_screen_is_small_enough_for_a_page() -> None:
    """Noise packs worst; no screen is worse."""
    noise = random.Random(1).randbytes(3 * 1920 * 1080)  # noqa: S311 # not a secret
    packed = small_png(ppm(Picture(1920, 1080, noise)))
    assert len(packed) <= MOST_BYTES
    width, height, _ = read_png(packed)
    assert width <= MOST_WIDTH
    assert width / height == pytest.approx(16 / 9, abs=0.02)


@pytest.mark.parametrize(
    "data",
    [b"", b"P6\n2 2\n255\n", b"P5\n1 1\n255\n0", b"P6\n1 1\n65535\n000000", b"P6\n0 1\n255\n"],
)
def test_what_is_no_whole_dump_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="the screen dump"):
        small_png(data)


@given(data=st.binary(max_size=40))
def test_anything_else_is_refused_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(ValueError, match="the screen dump"):
        small_png(b"P6 3 3 255 " + data[:26])
