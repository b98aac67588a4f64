"""The command of an evaluation: words as typed, placeholders filled in, nonsense refused."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool.errors import UsageError
from vmpool.eval_command import Command, Turn, Where, command_from, secret_block
from vmpool.evals import Unit

SHARD = Turn(Unit("shard-02", 2), index=0, workers=4, shards=8, results="/r")
TASK = Turn(Unit("vlc/9"), index=3, workers=4, shards=0, results="/r", tasks_file="/r.json")


def command(text: str, *, lists_tasks: bool = False) -> Command:
    return command_from(text, "container", lists_tasks=lists_tasks, minutes=60)


def test_a_shard_is_told_by_its_number_and_how_many_there_are() -> None:
    made = command("run --worker_id {worker_index} --num_workers {num_workers} -o {results}")
    assert made.argv(SHARD) == shlex.split("run --worker_id 2 --num_workers 8 -o /r")


def test_a_listed_task_is_told_by_its_name_and_the_worker_by_its_number() -> None:
    made = command(
        "run {task} --meta={tasks_file} on {worker_index}/{num_workers}", lists_tasks=True
    )
    assert made.argv(TASK) == ["run", "vlc/9", "--meta=/r.json", "on", "3/4"]


def test_programs_that_read_variables_find_the_same_there() -> None:
    assert TASK.environment == {
        "WAA_WORKER_INDEX": "3",
        "WAA_NUM_WORKERS": "4",
        "WAA_RESULTS": "/r",
        "WAA_TASK": "vlc/9",
        "WAA_TASKS_FILE": "/r.json",
    }


@given(words=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_words_without_placeholders_arrive_as_they_are(words: list[str]) -> None:
    if not any("{" in word for word in words):
        assert command(shlex.join(words)).argv(SHARD) == words


def test_what_is_filled_in_is_not_read_as_a_template_again() -> None:
    turn = Turn(Unit("x"), 0, 1, 0, results="{task}", tasks_file="t")
    assert command("{results}", lists_tasks=True).argv(turn) == ["{task}"]


@pytest.mark.parametrize("text", ["", "  ", "run 'unclosed", "run {nothing}", "run {task}"])
def test_a_command_that_says_nothing_or_too_much_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        command(text)


def test_braces_that_are_no_placeholder_are_left_alone() -> None:
    assert command("""run '{"a": 1}' {} {A}""").argv(SHARD) == ["run", '{"a": 1}', "{}", "{A}"]


@pytest.mark.parametrize(
    ("where", "minutes", "secrets"),
    [("moon", 1, ()), ("local", 0, ()), ("worker", 1, ("A",)), ("local", 1, ("a b",))],
)
def test_places_times_and_secrets_are_checked(
    where: str, minutes: float, secrets: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError):
        command_from("true", where, lists_tasks=False, minutes=minutes, secrets=secrets)


def test_a_secret_is_kept_in_the_block_of_its_name() -> None:
    assert secret_block("OPENAI_API_KEY") == "openai-api-key"
    assert Where("local") is Where.LOCAL
