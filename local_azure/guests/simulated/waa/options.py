"""The options of WAA's client, and which tasks a run of it gets.

Source: microsoft/WindowsAgentArena, src/win-arena-container/client/run.py (`config`,
`get_unfinished` and the end of the main program). Options that it does not know it ignores; a task
that has a result is skipped only when there is one worker, because several would remove each
other's half-done results.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from local_azure.guests.simulated.running import ProgramError

USAGE = 2
RESULT = "result.txt"
OBSERVATIONS = ("screenshot", "a11y_tree", "screenshot_a11y_tree", "som")
WORDS = {
    "--action_space": "pyautogui", "--a11y_backend": "uia", "--agent_name": "navi",
    "--som_origin": "oss", "--test_config_base_dir": "evaluation_examples_windows",
    "--model": "gpt-4-vision-preview", "--stop_token": "", "--domain": "all",
    "--emulator_ip": "20.20.20.21",
    "--test_all_meta_path": "evaluation_examples_windows/test_all.json",
    "--result_dir": "./results", "--trial_id": "0", "--diff_lvl": "normal",
}  # fmt: skip
NUMBERS = {
    "--screen_width": 1920, "--screen_height": 1200, "--max_steps": 15,
    "--max_trajectory_length": 3, "--max_tokens": 1500, "--worker_id": 0, "--num_workers": 1,
}  # fmt: skip
FRACTIONS = {"--sleep_after_execution": 3.0, "--temperature": 1.0, "--top_p": 0.9}

Tasks = dict[str, list[str]]


class _Parser(argparse.ArgumentParser):
    """Complains into the guest instead of the host's own standard error."""

    def error(self, message: str) -> NoReturn:
        raise ProgramError(f"{self.format_usage()}{self.prog}: error: {message}", USAGE)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options of a command line.

    Raises:
        ProgramError: a value is none; exit code 2.
    """
    parser = _Parser(prog="run.py", add_help=False)
    parser.add_argument("--headless", action="store_true")
    parser.add_argument("--observation_type", choices=OBSERVATIONS, default="a11y_tree")
    for name, word in WORDS.items():
        parser.add_argument(name, type=str, default=word)
    for name, number in NUMBERS.items():
        parser.add_argument(name, type=int, default=number)
    for name, fraction in FRACTIONS.items():
        parser.add_argument(name, type=float, default=fraction)
    return parser.parse_known_args(list(words))[0]


def result_folder(options: argparse.Namespace) -> str:
    """Where results go; below it DOMAIN/ID."""
    parts = (options.action_space, options.observation_type, options.model, options.trial_id)
    return "/".join((options.result_dir, *parts))


def unfinished(tasks: Tasks, results: Path) -> Tasks:
    """The tasks without a result.

    Args:
        tasks: all of them.
        results: folder of the results.
    """
    return {
        domain: [task for task in ids if not (results / domain / task / RESULT).is_file()]
        for domain, ids in tasks.items()
    }


def share(tasks: Tasks, worker: int, workers: int) -> list[tuple[str, str]]:
    """The tasks of one worker: one run of the list, as long as the others' or one longer."""
    everything = [(domain, task) for domain, ids in tasks.items() for task in ids]
    each, extra = divmod(len(everything), workers)
    start = worker * each + min(worker, extra)
    return everything[start : start + each + (worker < extra)]
