"""The documentation says what the code does: commands parse, tables agree, links lead somewhere."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from prefect import Task
from prefect.cli import _app as prefect_cli
from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger

import vmpool.tags
from oa_vm.commands import app
from oa_vm.main import INTERRUPTED
from oa_vm.output import FAILED, UNKNOWN, USAGE
from tasks import (
    capacity,
    deletion,
    docker_image,
    evaluation,
    evidence,
    guests,
    history,
    images,
    machines,
    phase,
    progress,
    registry,
    registry_build,
)
from vmpool.evidence import LEAST_OVER_SECONDS
from vmpool.guest.look import LOG_LINES
from vmpool.history import FEWEST_RUNS
from vmpool.model import Intent, Phase, PoolState, PowerState, WindowsState
from vmpool.plan import DOWN, UP
from vmpool.scenario import GOAL_MINUTES
from vmpool.screen import MOST_BYTES, MOST_WIDTH
from vmpool.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
CHECKED = ("oa-vm", "prefect", "make")
"""Programs whose commands are checked; a page may show others, like `az`."""


def blocks(page: Path, language: str) -> Iterator[str]:
    """The fenced blocks of one language."""
    for found in re.finditer(
        rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL
    ):
        yield found[1]


def commands(page: Path) -> Iterator[list[str]]:
    """Commands of the page's shell blocks, without variables before them."""
    for block in blocks(page, "(?:sh|bash|console)"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words:
                yield [words[0].removeprefix(".venv/bin/"), *words[1:]]


SHOWN = sorted({tuple(words) for page in PAGES for words in commands(page)})


def shown(program: str) -> pytest.MarkDecorator:
    """Parametrizes with the arguments of every shown command of one program."""
    found = [words[1:] for words in SHOWN if words[0] == program]
    assert found, f"no {program} command is shown anywhere"
    return pytest.mark.parametrize("arguments", found, ids=shlex.join)


def table(page: str, heading: str) -> dict[str, list[str]]:
    """A table's cells after the first of each row, by the first, without code marks.

    Args:
        page: file name in docs, or README.md.
        heading: begin of the table's first heading.
    """
    file = ROOT / page if page == "README.md" else DOCS / page
    lines = iter(file.read_text().splitlines())
    assert any(line.startswith(f"| {heading}") for line in lines), f"{page}: no table {heading}"
    found = {}
    for line in lines:
        if not line.startswith("|"):
            break
        first, *rest = (cell.strip(" `") for cell in line[1:-1].split("|"))
        found[first] = rest
    found.pop("---")
    return found


@pytest.fixture(scope="module")
def idle_app() -> Any:
    """The command line with every command's work taken out: it only parses."""
    command = typer.main.get_command(app)
    _take_out_work(command)
    return command


def _take_out_work(command: Any) -> None:
    members = getattr(command, "commands", None)
    if members is None:
        command.callback = lambda **_: None
    for member in (members or {}).values():
        _take_out_work(member)


@shown("oa-vm")
def test_shown_commands_of_ours_parse(arguments: tuple[str, ...], idle_app: Any) -> None:
    idle_app.main(list(arguments), standalone_mode=False)


def test_a_command_that_does_not_exist_would_be_noticed(idle_app: Any) -> None:
    with pytest.raises(Exception, match="No such option"):
        idle_app.main(["pool-create", "--wrokers", "2"], standalone_mode=False)


@shown("prefect")
def test_shown_commands_of_prefect_parse_and_name_a_deployment(arguments: tuple[str, ...]) -> None:
    arguments = tuple(word for word in arguments if word != "--no-prompt")  # of all commands
    prefect_cli._app.parse_args(list(arguments), exit_on_error=False, print_error=False)
    if arguments[:2] == ("deployment", "run"):
        assert arguments[2] in {*deployed(), *shown_to_be_deployed()}


def deployed() -> Iterator[str]:
    """Deployments of prefect.yaml, as they are run."""
    for entry in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]:
        flow = entry["entrypoint"].rpartition(".")[2].replace("_", "-")
        yield f"{flow}/{entry['name']}"


def shown_to_be_deployed() -> Iterator[str]:
    """Deployments that a page shows how to make: `prefect deploy FILE:FLOW --name NAME`."""
    for program, *words in SHOWN:
        if program == "prefect" and "deploy" in words:
            entrypoint, name = words[words.index("deploy") + 1], words[words.index("--name") + 1]
            yield f"{entrypoint.rpartition(':')[2]}/{name}"


@shown("make")
def test_shown_make_targets_exist(arguments: tuple[str, ...]) -> None:
    ran = subprocess.run(
        ["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_the_readme_shows_only_programs_that_are_checked() -> None:
    programs = {words[0] for words in commands(ROOT / "README.md")}
    assert programs <= {*CHECKED, "export"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target, anchor in re.findall(r"(?<!!)\[[^\]]*\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
        file = page.parent / target if target else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^a-z0-9 -]", "", t.lower()).replace(" ", "-") for t in titles}
            assert anchor in anchors, f"{page.name}: {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_import_what_exists(page: Path) -> None:
    for block in blocks(page, "python"):
        tree = ast.parse(block)
        imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        tree.body = list(imports)
        exec(compile(tree, page.name, "exec"), {})  # noqa: S102 # our own, and imports only


def expected_setting(name: str) -> list[str]:
    """Default and meaning of a setting, as a table shows them."""
    field = Settings.model_fields[name]
    default = field.default
    if field.default_factory:
        default = "state folder of your user"
    elif isinstance(default, Enum):
        default = default.value
    elif isinstance(default, tuple):
        default = ",".join(default)
    return ["" if default is None else str(default), str(field.description)]


def test_every_setting_is_in_the_table() -> None:
    expected = {f"WAA_{name.upper()}": expected_setting(name) for name in Settings.model_fields}
    assert table("settings.md", "variable") == expected


def test_the_settings_in_the_readme_are_true() -> None:
    for variable, cells in table("README.md", "variable").items():
        assert cells == expected_setting(variable.removeprefix("WAA_").lower())


def test_exit_codes_in_the_readme_are_those_of_the_command_line() -> None:
    assert set(table("README.md", "exit code")) == {
        "0", str(FAILED), str(USAGE), str(UNKNOWN), str(INTERRUPTED),
    }  # fmt: skip


def test_every_tag_is_documented() -> None:
    keys = {
        value
        for name, value in vars(vmpool.tags).items()
        if name.isupper() and isinstance(value, str)
    }
    assert set(table("tags.md", "tag")) == keys


def cached() -> dict[str, str]:
    """How each phase's task caches, in the words of the page."""
    words = {
        id(phase.NO_CACHE): "no",
        id(phase.ON_DISK): "within the flow run",
        id(evaluation.ONCE): "within the flow run",
    }
    modules = (
        capacity,
        deletion,
        evaluation,
        guests,
        images,
        machines,
        docker_image,
        registry,
        registry_build,
    )
    made = [item for module in modules for item in vars(module).values() if isinstance(item, Task)]
    return {item.name: words[id(item.cache_policy)] for item in made if item.name in set(Phase)}


def test_the_caching_page_says_what_each_phase_does() -> None:
    said = {name: cells[0] for name, cells in table("caching.md", "phase").items()}
    assert said == cached()
    assert set(said) == set(Phase)


def test_the_caching_page_gives_the_times_that_hold() -> None:
    text = (DOCS / "caching.md").read_text()
    for kept in (capacity.OFFERS_KEPT, capacity.FAILURE_REMEMBERED):
        assert f"{kept.total_seconds() / 60:g} minutes" in text
    *most, last = (f"{delay:g}" for delay in phase.RETRY_DELAYS_SECONDS)
    assert f"after {', '.join(most)} and {last} seconds" in text
    assert f"beyond {phase.RETRY_TOTAL_SECONDS:g} seconds" in text


def test_the_states_page_says_what_azure_bills() -> None:
    said = {name: cells[0] for name, cells in table("states.md", "power state").items()}
    expected = {state.value: "yes" if state.is_billed else "no" for state in PowerState}
    assert said == {**expected, PowerState.UNKNOWN: "as if"}


def test_the_states_page_names_every_state() -> None:
    assert set(table("states.md", "windows")) == set(WindowsState)
    assert set(table("states.md", "intent")) == set(Intent)
    named = {word for row in table("states.md", "pool state") for word in re.findall(r"\w+", row)}
    assert named == set(PoolState)


def test_the_idempotence_page_shows_the_plan() -> None:
    said = table("idempotence.md", "power state")
    assert said.pop("does not exist") == ["create", ""]
    assert said == {state.value: [UP[state][0], DOWN[state][0]] for state in PowerState}


def test_the_timings_page_names_every_scenario_with_its_goal() -> None:
    said = {name: float(cells[0]) for name, cells in table("timings.md", "scenario").items()}
    assert said == {str(way): goal for way, goal in GOAL_MINUTES.items()}


def test_the_timings_page_gives_the_figures_that_hold() -> None:
    text = (DOCS / "timings.md").read_text()
    assert f"every {progress.EVERY_WALL_SECONDS:g} seconds" in text
    assert f"the last {history.RUNS} runs" in text
    assert f"before {FEWEST_RUNS} runs" in text
    assert f"is {LEAST_OVER_SECONDS:g} seconds over p95" in text
    assert f"the last {LOG_LINES} lines" in text
    assert f"{evidence.LOOK_WALL_SECONDS:g} seconds at most" in text
    assert f"{MOST_WIDTH} pixels wide and {MOST_BYTES // 1000} kB" in text


def emitted() -> set[str]:
    """Every event name in the source of tasks and flows."""
    source = "\n".join(
        file.read_text() for folder in ("tasks", "flows") for file in (ROOT / folder).glob("*.py")
    )
    of_pool = re.findall(r"(?:conclude|conclude_up)\(\s*\"(\w+)\"", source)
    of_pool += re.findall(r"(?:emit|deliver)_pool_event\([\w.]+, \"(\w+)\"", source)
    of_images = re.findall(r"image_status\(\"(\w+)\"\)", source)
    names = {f"waa.pool.{name}" for name in of_pool} | {f"waa.image.{name}" for name in of_images}
    names |= set(re.findall(r"emit_event\(\s*\"([\w.]+)\"", source))
    return names | {"waa.phase.completed", "waa.phase.failed"}


def test_every_event_is_documented() -> None:
    assert set(table("events.md", "event")) == emitted()


def test_the_trigger_shown_is_one_that_prefect_accepts() -> None:
    for block in blocks(DOCS / "events.md", "yaml"):
        for trigger in yaml.safe_load(block)["triggers"]:
            accepted = DeploymentEventTrigger.model_validate(trigger)
            assert accepted.expect <= set(table("events.md", "event"))
