"""One run of WAA's client over its tasks: the lines that it prints, the files that it leaves.

Lines have the form, colours included, of run.py's log. What a task leaves in its folder is what
lib_run_single.py and its recorder leave: `result.txt`, `traj.jsonl`, screenshots.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime

from local_azure.guests.simulated import pictures
from local_azure.guests.simulated.programs.files import may_read, may_write
from local_azure.guests.simulated.running import ProgramError, Run
from local_azure.guests.simulated.waa import benchmark, options

YELLOW, RED, GREEN, PLAIN = "\x1b[1;33m", "\x1b[31m", "\x1b[32m", "\x1b[0m"
FROZEN_STEP_SECONDS = 5.0
"""Between looks whether a Windows that does not answer moves again."""


class Session:
    """One run.

    Args:
        run: the program's run.
        given: its options.
        stamp: when it began, as file names say it.
        state: how WAA's server behaves.
    """

    def __init__(
        self, run: Run, given: argparse.Namespace, stamp: str, state: Callable[[], str]
    ) -> None:
        self._run, self._given, self._state = run, given, state
        self._file = f"{given.result_dir}/logs/normal-{given.worker_id}-{stamp}.log"
        self._scores: list[float] = []

    def log(self, text: str, level: str = "INFO") -> None:
        """Write a line to standard output and to the log file."""
        moment = datetime.fromtimestamp(self._run.guest.clock.now(), UTC)
        shown = f"{moment:%Y-%m-%d %H:%M:%S},{moment.microsecond // 1000:03}"
        line = f"{YELLOW}[{shown} {RED}{level} {GREEN}run/1-MainProcess{YELLOW}] {PLAIN}{text}"
        self._run.say(line)
        self._write(self._file, f"{line}\n".encode(), is_added=True)

    async def work_off(self, tasks: list[tuple[str, str]]) -> int:
        """Do tasks in order; the exit code.

        Raises:
            ProgramError: a task has no configuration.
        """
        for domain, task in tasks:
            await self._do(domain, task)
        if self._scores:
            self.log(f"Average score: {sum(self._scores) / len(self._scores)}")
        else:
            self.log("No examples finished.")
        return 0

    async def _do(self, domain: str, task: str) -> None:
        self.log("Windows Agent Arena: Starting on NORMAL difficulty")
        path = f"{self._given.test_config_base_dir}/examples/{domain}/{task}.json"
        self.log(f"\nTESTING ON TASK CONFIG PATH: {path}")
        example = self._read(path)
        self.log(f"[Domain]: {domain}")
        self.log(f"[Example ID]: {task}")
        self.log(f"[Instruction]: {example['instruction']}")
        folder = f"{options.result_folder(self._given)}/{domain}/{task}"
        await self._act(folder, task)
        score = benchmark.score(task)
        self.log("Running evaluator(s)...")
        self.log(f"Result: {score:.2f}")
        self._scores.append(score)
        self._write(f"{folder}/{options.RESULT}", f"{score}\n".encode())
        self.log(f"Finished {domain}/{task}")

    async def _act(self, folder: str, task: str) -> None:
        """The steps of a task's agent."""
        clock, count = self._run.guest.clock, benchmark.steps(task)
        each = benchmark.seconds(task, self._run.guest.durations.eval_task) / count
        for number in range(1, count + 1):
            self.log("Agent: Thinking...")
            await clock.sleep_until(clock.now() + each)
            while self._state() != "up":
                await clock.sleep_until(clock.now() + FROZEN_STEP_SECONDS)
            is_done = number == count
            action = "DONE" if is_done else f"computer.mouse.move_id(id={number})"
            self.log(f"Step {number}: {action}")
            record = {"step_num": number, "action": action, "done": is_done}
            line = f"{json.dumps(record)}\n".encode()
            self._write(f"{folder}/traj.jsonl", line, is_added=True)
        picture = pictures.desktop(is_frozen=False, window=10 * count)
        self._write(f"{folder}/step_{count}.png", picture.png())

    def _read(self, path: str) -> dict[str, str]:
        try:
            document: dict[str, str] = json.loads(may_read(self._run, path).read_bytes())
        except OSError as error:
            raise ProgramError(
                f"FileNotFoundError: [Errno {error.errno}] {error.strerror}: '{path}'"
            ) from None
        return document

    def _write(self, path: str, data: bytes, *, is_added: bool = False) -> None:
        target = may_write(self._run, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab" if is_added else "wb") as file:
            file.write(data)
