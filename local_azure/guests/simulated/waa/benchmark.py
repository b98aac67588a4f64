"""A benchmark of the shape of WAA's: domains, tasks, and how each would go.

Domain names are WAA's own; the tasks are not: their ids are made here, and how long a task takes
and whether it is solved depends on nothing but its id, so that a repeated run gives the same.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/microsoft/WindowsAgentArena")
SIZES: Mapping[str, int] = {
    "chrome": 5, "clock": 3, "file_explorer": 5, "libreoffice_calc": 6, "msedge": 4, "notepad": 3,
    "settings": 4, "vs_code": 4,
}  # fmt: skip
"""Tasks of each domain."""
SPREAD = 256
SOLVED_OF_SPREAD = 84
"""About a third of the tasks is solved."""
STEPS = (3, 8)
"""Fewest and most steps of a task; WAA allows 15 (`--max_steps`)."""


def tasks() -> dict[str, list[str]]:
    """What `test_all.json` says: domain -> ids of its tasks."""
    return {
        domain: [f"{uuid.uuid5(NAMESPACE, f'{domain}/{number}')}-WOS" for number in range(count)]
        for domain, count in SIZES.items()
    }


def instruction(domain: str, task: str) -> str:
    """What the agent is told to do."""
    return f"Task {task[:8]} of {domain.replace('_', ' ')}: bring it to the state asked for."


def score(task: str) -> float:
    """What the evaluator will say: 1.0 or 0.0."""
    return 1.0 if _byte(task, 0) < SOLVED_OF_SPREAD else 0.0


def seconds(task: str, mean_seconds: float) -> float:
    """How long a task takes, half to one and a half times the mean, in cloud seconds."""
    return mean_seconds * (0.5 + _byte(task, 1) / (SPREAD - 1))


def steps(task: str) -> int:
    """How many steps its agent makes."""
    fewest, most = STEPS
    return fewest + _byte(task, 2) % (most - fewest + 1)


def _byte(task: str, number: int) -> int:
    return hashlib.sha256(task.encode()).digest()[number]
