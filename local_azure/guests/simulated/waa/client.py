"""`python run.py`: WAA's client at work, without an agent and without a model.

Source: microsoft/WindowsAgentArena, src/win-arena-container/client/run.py and lib_run_single.py.
As there: it asks WAA's server for ever until it answers, ends with 0 on SIGTERM after one line,
and writes `result.txt` (the score and a newline) when a task's evaluator has spoken. A key for the
model must be in the environment (any will do: nobody is asked); without one the agent can't be
made, which `openai` says in these words.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime

from local_azure.guests.simulated.processes import own
from local_azure.guests.simulated.programs.files import may_read
from local_azure.guests.simulated.running import ProgramError, Run
from local_azure.guests.simulated.waa import layout, options
from local_azure.guests.simulated.waa.session import Session

CANNOT_OPEN = 2
RETRY_SECONDS, PROBE_SECONDS = 5.0, 7.0
REFUSED = (
    "HTTPConnectionPool(host='{ip}', port=5000): Max retries exceeded with url: /probe (Caused by"
    " NewConnectionError('<urllib3.connection.HTTPConnection object>: Failed to establish a new"
    " connection: [Errno 111] Connection refused'))"
)
SILENT = "HTTPConnectionPool(host='{ip}', port=5000): Read timed out. (read timeout=7)"
NO_KEY = (
    "openai.OpenAIError: The api_key client option must be set either by passing api_key to the"
    " client or by setting the OPENAI_API_KEY environment variable"
)
TRACEBACK = 'Traceback (most recent call last):\n  File "/client/run.py", in <module>\n'

State = Callable[[], str]
"""How WAA's server behaves: `up`, `closed` or `frozen`."""


async def python(run: Run, state: State) -> int:
    """`python run.py [OPTION...]`; nothing else is known."""
    words = [word for word in run.arguments if word != "-u"]
    path = run.path(words[0]) if words else ""
    if path != f"/{layout.PROGRAM}":
        raise ProgramError(
            f"python: can't open file '{path}': [Errno 2] No such file or directory", CANNOT_OPEN
        )
    stopped = asyncio.Event()
    own(run).handler = lambda number, _sender: _interrupt(run, stopped, number)
    work = asyncio.ensure_future(_evaluate(run, words[1:], state))
    waiting = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return work.result() if work.done() else 0
    finally:
        work.cancel()
        waiting.cancel()


def _interrupt(run: Run, stopped: asyncio.Event, number: int) -> None:
    run.say(f"Interrupted by {number}, shutting down")
    stopped.set()


async def _evaluate(run: Run, words: list[str], state: State) -> int:
    run.say("Waiting for the server to start...")
    given = options.parse(words)
    await _wait_for_server(run, given.emulator_ip, state)
    tasks: options.Tasks = json.loads(_open(run, given.test_all_meta_path))
    started = datetime.fromtimestamp(run.guest.clock.now(), UTC)
    session = Session(run, given, f"{started:%Y%m%d@%H%M%S}", state)
    session.log(f"\nTESTING ON TASK JSON PATH: {given.test_all_meta_path}")
    if given.domain != "all":
        if given.domain not in tasks:
            raise ProgramError(f"{TRACEBACK}KeyError: '{given.domain}'")
        tasks = {given.domain: tasks[given.domain]}
    if given.num_workers == 1:
        tasks = options.unfinished(tasks, run.files.host(run.path(options.result_folder(given))))
    counts = "".join(f"{domain}: {len(ids)}\n" for domain, ids in tasks.items())
    session.log(f"Left tasks:\n{counts}")
    mine = options.share(tasks, given.worker_id, given.num_workers)
    session.log(f"Worker {given.worker_id} is doing tasks: {mine}")
    _make_agent(run, given.agent_name)
    return await session.work_off(mine)


async def _wait_for_server(run: Run, ip: str, state: State) -> None:
    clock = run.guest.clock
    while (found := state()) != "up":
        if found == "frozen":
            await clock.sleep_until(clock.now() + PROBE_SECONDS)
        reason = SILENT if found == "frozen" else REFUSED
        run.say(f"Failed to get hello: {reason.format(ip=ip)}")
        run.say("Retrying...")
        await clock.sleep_until(clock.now() + RETRY_SECONDS)
    answer = {"message": "Service is operational", "status": "Probe successful"}
    run.say(f"Response from server: {answer}")


def _open(run: Run, path: str) -> bytes:
    """The content of a file that has to be there."""
    try:
        return may_read(run, path).read_bytes()
    except OSError as error:
        raise ProgramError(
            f"{TRACEBACK}FileNotFoundError: [Errno {error.errno}] {error.strerror}: '{path}'"
        ) from None


def _make_agent(run: Run, name: str) -> None:
    """What can go wrong when the agent is made.

    Raises:
        ProgramError: no key for the model, or no such agent.
    """
    if name != "navi":
        raise ProgramError(f"{TRACEBACK}ValueError: Unknown agent name: {name}")
    if not run.environment.get("OPENAI_API_KEY"):
        raise ProgramError(f"{TRACEBACK}{NO_KEY}")
