"""WAA's client in the container's files: /client, as WAA's Dockerfile lays it out.

Source: microsoft/WindowsAgentArena, src/win-arena-container/client: `run.py` beside
`evaluation_examples_windows/test_all.json` and `.../examples/DOMAIN/ID.json`.
"""

from __future__ import annotations

import json

from local_azure.guests.simulated.waa import benchmark

FOLDER = "/client"
PROGRAM = "client/run.py"
"""The file that makes an image one with WAA's client; no leading slash, as in image layers."""
EXAMPLES = "evaluation_examples_windows"


def files() -> dict[str, bytes]:
    """The client's files by path, without a leading slash."""
    tasks = benchmark.tasks()
    made = {
        PROGRAM: b"# Stands for Windows Agent Arena's client.\n",
        f"client/{EXAMPLES}/test_all.json": _encode(tasks),
    }
    for domain, ids in tasks.items():
        for task in ids:
            path = f"client/{EXAMPLES}/examples/{domain}/{task}.json"
            made[path] = _encode(
                {
                    "id": task,
                    "snapshot": domain,
                    "instruction": benchmark.instruction(domain, task),
                    "related_apps": [domain],
                }
            )
    return made


def _encode(document: object) -> bytes:
    return json.dumps(document, indent=4).encode() + b"\n"
