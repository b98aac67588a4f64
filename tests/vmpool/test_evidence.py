from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime

from vmpool.evidence import MOST_LOG, Exhibit, Occasion, page, see
from vmpool.model import Phase
from vmpool.screen import MOST_BYTES

FAILED = Occasion(
    "waa-pool-07",
    Phase.WAIT_FOR_WAA,
    datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC),
    3000.0,
    error="WAA on waa-pool-07 not reached within 50 min",
)
SLOW = replace(FAILED, error="", p95=1210.0, seconds=1245.0, is_running=True)
FOUND = Exhibit("NAMES\nwinarena", "one\ntwo\n", b"a picture", "")


def test_the_headline_says_what_happened_and_how_long_it_took() -> None:
    assert FAILED.headline == "waa-pool-07: wait-for-waa failed after 50:00 min"
    assert SLOW.headline == "waa-pool-07: wait-for-waa runs for 20:45 min, over its p95 of 20:10"
    ended = replace(SLOW, is_running=False)
    assert ended.headline == "waa-pool-07: wait-for-waa took 20:45 min, over its p95 of 20:10"


def test_the_page_has_time_error_screen_log_and_the_commands_for_more() -> None:
    shown = page("waa-pool", FAILED, FOUND)
    assert shown.startswith(f"# {FAILED.headline}\n\n2026-03-01 12:30:05 UTC")
    assert FAILED.error in shown
    assert f"data:image/png;base64,{base64.b64encode(FOUND.screen).decode()})" in shown
    assert "```text\none\ntwo\n```" in shown
    assert "`oa-vm pool-logs 7 --pool waa-pool`" in shown
    assert "`oa-vm pool-vnc 7 --pool waa-pool`" in shown


def test_without_a_container_one_line_says_so() -> None:
    shown = page("waa-pool", FAILED, Exhibit("NAMES", None, b"", ""))
    assert "There is no Windows container on the VM." in shown
    assert "screen" not in shown


def test_without_a_screen_one_line_says_why() -> None:
    shown = page("waa-pool", FAILED, replace(FOUND, screen=b"", blind="nc: no\nsocket"))
    assert "There is no picture of Windows' screen: nc: no socket" in shown


def test_a_log_cannot_end_its_block_nor_give_a_secret_away() -> None:
    shown = page("waa-pool", FAILED, replace(FOUND, log="```\n# boo\nAPI_KEY=abcdef"))
    assert "````text\n```\n# boo\nAPI_KEY=***\n````" in shown


def test_the_largest_page_has_less_than_200_kilobytes() -> None:
    log = "\n".join("x " * 250 for _ in range(100))
    shown = page("waa-pool", FAILED, Exhibit(log, log, b"\xff" * MOST_BYTES, ""))
    assert len(shown.encode()) < 200_000
    assert len(max(re.split("```", shown), key=len)) > MOST_LOG / 2


def test_where_to_see_it_names_each_artifact_once() -> None:
    assert see([]) == ""
    assert see(["a-00"]) == "see the artifact a-00-evidence in the Prefect UI"
    assert see({"a-01", "a-00"}).startswith("see the artifacts a-00-evidence, a-01-evidence in")
