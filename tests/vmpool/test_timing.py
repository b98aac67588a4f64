from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool.chart import markdown, svg
from vmpool.clock import CloudClock
from vmpool.model import Phase
from vmpool.timing import (
    COLUMNS,
    GAP,
    Recorder,
    Span,
    longest_worker_seconds,
    makespan_seconds,
    minutes,
    rows,
    whole_rows,
)

SVG = "{http://www.w3.org/2000/svg}"
START = datetime(2026, 1, 1, tzinfo=UTC)


def span(worker: str, phase: Phase, begin: float, end: float, error: str = "") -> Span:
    return Span(
        worker, phase, START + timedelta(seconds=begin), START + timedelta(seconds=end), error
    )


SPANS = [
    span("p1-00", Phase.CREATE_VM, 0, 300),
    span("p1-00", Phase.WAIT_FOR_SSH, 1, 90),
    span("p1-01", Phase.CREATE_VM, 0, 310),
    span("p1-01", Phase.WAIT_FOR_WAA, 310, 1500, "Windows <froze>"),
]


def test_a_recorder_times_on_the_clouds_clock() -> None:
    wall = iter([0.0, 0.0, 0.0, 5.0, 5.0, 5.0])
    recorder = Recorder(CloudClock(60.0, lambda: next(wall), START))
    with recorder.span("p1-00", Phase.CREATE_VM):
        pass
    assert recorder.spans[0].seconds == pytest.approx(300)


def test_a_failed_phase_is_recorded_with_its_reason_and_raised() -> None:
    recorder = Recorder(CloudClock())
    with pytest.raises(ValueError, match="why"), recorder.span("p1-00", Phase.CREATE_VM):
        raise ValueError("why")
    assert recorder.spans[0].error == "why"


def test_a_phase_that_will_be_tried_again_has_not_failed() -> None:
    recorder = Recorder(CloudClock())
    with (
        pytest.raises(ValueError, match="why"),
        recorder.span("p1-00", Phase.CREATE_VM, lambda error: isinstance(error, ValueError)),
    ):
        raise ValueError("why")
    assert recorder.spans[0].ending == "retrying"


def test_a_phase_that_was_called_off_has_not_failed() -> None:
    recorder = Recorder(CloudClock())
    with pytest.raises(KeyboardInterrupt), recorder.span("p1-00", Phase.CREATE_VM):
        raise KeyboardInterrupt
    assert recorder.spans[0].ending == "interrupted"


@given(st.text(min_size=1), st.sampled_from(["p1-00", "a-pool-name-00", f"{'p' * 40}-00"]))
def test_the_table_fits_a_terminal_whatever_an_error_says(error: str, worker: str) -> None:
    drawn = rows([span(worker, Phase.POWER_OFF_WINDOWS, 0, 1, error), *SPANS])
    cells = {key: [line for row in drawn for line in row[key].split("\n")] for key in drawn[0]}
    widths = [max(map(len, [key, *cells[key]])) for key in cells]
    assert sum(widths) + GAP * (len(widths) - 1) <= COLUMNS


def test_listeners_hear_the_start_and_the_end() -> None:
    heard: list[Span] = []
    recorder = Recorder(CloudClock(), [heard.append])
    with recorder.span("p1-00", Phase.CREATE_VM):
        recorder.note("p1-00", Phase.CREATE_VM, "was there")
    assert [item.ended is None for item in heard] == [True, False]
    assert heard[1].detail == "was there"


def test_makespan_is_from_the_first_start_to_the_last_end() -> None:
    assert makespan_seconds(SPANS) == 1500
    assert longest_worker_seconds(SPANS) == 1500


def test_no_phase_and_no_note_is_cut_in_a_terminal_of_80_columns() -> None:
    done = span("waa-pool-00", Phase.START_WAA, 0, 60)
    said = replace(done, detail="container started")
    (row,) = rows([said])
    assert (row["phase"], row["outcome"]) == ("start-waa", "container started")


def test_a_long_pools_name_leaves_room_for_phases_and_notes() -> None:
    said = replace(span(f"{'p' * 40}-07", Phase.START_WAA, 0, 60), detail="container started")
    (row,) = rows([said])
    assert row["worker"] == "pppppppppppp...-07"
    assert row["outcome"].replace("\n", " ") == "container started"


def test_an_error_is_cut_between_words_after_three_lines() -> None:
    (row,) = rows([span("p1-00", Phase.CREATE_VM, 0, 60, "word " * 60)])
    lines = row["outcome"].split("\n")
    assert len(lines) == 3
    assert lines[-1].endswith(" word...")
    assert (
        "\n" not in whole_rows([span("p1-00", Phase.CREATE_VM, 0, 60, "word " * 60)])[0]["outcome"]
    )


def test_the_table_shows_what_it_takes_by_hand_beside_ours() -> None:
    assert rows(SPANS)[0] == {
        "worker": "p1-00", "phase": "create-vm", "began": "0:00", "took": "5:00",
        "by hand (min)": "5", "outcome": "done",
    }  # fmt: skip


@given(st.floats(0, 360_000))
def test_minutes_and_seconds_add_up(seconds: float) -> None:
    whole, rest = minutes(seconds).split(":")
    assert 60 * int(whole) + int(rest) == round(seconds)


def test_the_chart_is_well_formed_and_escapes_what_it_shows() -> None:
    root = ET.fromstring(svg("a <title>", SPANS))  # noqa: S314 # our own text
    titles = [item.text for item in root.iter(f"{SVG}title")]
    assert len(titles) == len(SPANS)
    assert "p1-01: wait-for-waa 19:50 Windows <froze>" in titles


def test_what_took_too_long_is_framed_and_says_so() -> None:
    root = ET.fromstring(svg("t", SPANS, frozenset(SPANS[:1])))  # noqa: S314 # our own text
    titles = [item.text for item in root.iter(f"{SVG}title")]
    assert "p1-00: create-vm 5:00 over p95" in titles
    assert sum("stroke-width" in bar.attrib for bar in root.iter(f"{SVG}rect")) == 1


def test_overlapping_phases_are_drawn_in_lanes_of_their_own() -> None:
    root = ET.fromstring(svg("t", SPANS[:2]))  # noqa: S314 # our own text
    bars = [r for r in root.iter(f"{SVG}rect") if r.get("height") == "16"]
    assert len({bar.get("y") for bar in bars}) == 2


def test_a_chart_of_nothing_is_still_a_picture() -> None:
    assert markdown("t", []).startswith("![t](data:image/svg+xml;base64,")


def test_with_every_phase_nothing_is_drawn_outside_the_picture() -> None:
    spans = [span("p1-00", phase, i * 10, i * 10 + 9) for i, phase in enumerate(Phase)]
    root = ET.fromstring(svg("t", spans))  # noqa: S314 # our own text
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for swatch in (r for r in root.iter(f"{SVG}rect") if r.get("height") == "10"):
        assert float(swatch.get("x", 0)) < width - 60
        assert float(swatch.get("y", 0)) + 10 < height
    legend = {text.text for text in root.iter(f"{SVG}text")}
    assert {phase.value for phase in Phase} <= legend
