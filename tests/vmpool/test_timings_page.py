from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import lab_of_runs as lab
import pytest

from vmpool.history import History, run_of
from vmpool.timings_page import page

WAYS = (lab.COLD, lab.REGISTRY, lab.FROM_IMAGE, lab.FROM_WINDOWS, lab.WARM, lab.HOT)
RUNS = [lab.run(steps, factor) for steps in WAYS for factor in (1.0, 2.0, 40.0)]
HISTORY = History((*RUNS, lab.run(lab.COLD, flow="image-create")))


@pytest.fixture(scope="module")
def shown() -> str:
    return page(HISTORY, lab.START)


def pictures(shown: str) -> list[ET.Element]:
    found = re.findall(r"<svg.*?</svg>", shown, re.DOTALL)
    return [ET.fromstring(picture) for picture in found]  # noqa: S314 # our own text


def test_each_scenario_has_its_phases_and_its_runs_drawn(shown: str) -> None:
    assert len(pictures(shown)) == 2 * len(HISTORY.scenarios) == 14


def test_the_page_takes_nothing_from_elsewhere_and_runs_no_script(shown: str) -> None:
    assert not re.search(r"https?:|<script|@import|url\(|src=", shown)


def test_every_run_is_a_dot_that_says_how_long_it_took(shown: str) -> None:
    dots = [dot for picture in pictures(shown) for dot in picture.iter("circle")]
    assert len(dots) == len(HISTORY.runs)
    assert "2026-01-01" not in str(dots[0][0].text)
    assert str(dots[0][0].text).endswith("p1: 160:40 min")


def test_nothing_is_drawn_outside_its_picture(shown: str) -> None:
    for picture in pictures(shown):
        _, _, width, height = map(float, picture.get("viewBox", "").split())
        for bar in picture.iter("rect"):
            assert float(bar.get("x", 0)) + float(bar.get("width", 0)) <= width
        for text in picture.iter("text"):
            assert 0 <= float(text.get("x", 0)) <= width
            assert 0 <= float(text.get("y", 0)) <= height


def test_goals_are_drawn_where_there_are_some(shown: str) -> None:
    goals = [sum(line.get("class") == "goal" for line in it.iter("line")) for it in pictures(shown)]
    assert goals == [1] * 12 + [0] * 2


def test_a_run_that_failed_is_a_hollow_dot() -> None:
    *most, last = lab.spans(lab.COLD)
    failed = run_of("pool-pause", "p<1>", [*most, last, replace(last, error="cut")])
    (_, runs) = pictures(page(History((failed,)), lab.START))
    (dot,) = runs.iter("circle")
    assert dot.get("class") == "dot hollow"
    assert "p<1>" in str(dot[0].text)
