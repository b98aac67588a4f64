"""`python -m local_azure`: what a person types to look at a server, advance it or trouble it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_azure import control
from local_azure.__main__ import main
from local_azure.control import Wanted

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """State folder of a server that only these tests use."""
    path = tmp_path_factory.mktemp("command") / "azure"
    control.launch(path, Wanted(speed=1.0, guests="none"))
    yield path
    control.stop(path)


@pytest.fixture
def say(folder: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command on the server: exit code, standard output, standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*words, "--state", str(folder)])
        return code, *capsys.readouterr()

    return run


def test_clock_faults_and_meter_are_in_reach_of_the_command_line(say: Say) -> None:
    before = json.loads(say("clock")[1])["now"]
    assert json.loads(say("clock", "3600")[1])["now"] >= before + 3600
    _, out, _ = say("faults", '{"kind": "sku", "size": "Standard_D8ds_v5"}')
    assert json.loads(out)["kind"] == "sku"
    assert len(json.loads(say("faults")[1])["faults"]) == 1
    assert json.loads(say("faults", "clear")[1]) == {"faults": []}
    assert json.loads(say("meter")[1])["total_usd"] == 0
    assert json.loads(say("requests")[1]) == {"requests": []}


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        ("90m", 5400),
        ("2h", 7200),
        ("14d", 14 * 86400),
        ("1d12h", 129600),
        ("1.5h", 5400),
        ("60", 60),
    ],
)
def test_the_clock_is_advanced_by_lengths_as_people_type_them(
    say: Say, span: str, seconds: float
) -> None:
    before = json.loads(say("clock")[1])["now"]
    code, out, _ = say("clock", "advance", span)
    assert code == 0
    assert json.loads(out)["now"] - before == pytest.approx(seconds, abs=5)


@pytest.mark.parametrize("words", [("clock", "advance"), ("meter", "a", "b"), ("clock", "1", "2")])
def test_words_that_make_no_command_are_a_usage_error(say: Say, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        say(*words)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("clock", "advance", "14x"), "a length of time is like 90m, 2h, 14d or 3600"),
        (("clock", "soon"), "'soon' cannot be used"),
        (("clock", "-5"), "advance is a number of seconds, 0 to ten years"),
        (("clock", "inf"), "advance is a number of seconds, 0 to ten years"),
        (("clock", "nan"), "advance is a number of seconds, 0 to ten years"),
        (("faults", "{bad"), "'{bad' cannot be used"),
        (("faults", '{"kind": "plague"}'), "kind is one of allocation"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    say: Say, words: tuple[str, ...], told: str
) -> None:
    code, out, err = say(*words)
    assert (code, out) == (1, "")
    assert told in err
    assert len(err.splitlines()) == 1


def test_status_hides_secrets_from_the_screen_and_gives_them_to_programs(say: Say) -> None:
    _, shown, _ = say("status")
    _, document, _ = say("status", "--json")
    told = json.loads(document)
    assert told["client_secret"] not in shown
    assert told["endpoint"] in shown


def test_a_server_that_does_not_run_is_said_not_to(tmp_path: Path) -> None:
    for command in ("status", "meter", "clock"):
        done = subprocess.run(
            [sys.executable, "-m", "local_azure", command, "--state", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"no local Azure runs on {tmp_path}\n"
    control.stop(tmp_path)
