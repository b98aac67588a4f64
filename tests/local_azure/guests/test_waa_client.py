"""WAA's client in its container: which tasks it takes, what it leaves, how it fails."""

from __future__ import annotations

import asyncio
import json

import pytest
from guest_machine import RUN_WINDOWS, Machine, Result

from local_azure.guests.simulated import faults

IMAGE = "windowsarena/winarena:latest"
RUN = RUN_WINDOWS.replace("dockurr/windows", IMAGE)
EXEC = "docker exec -i winarena"
CLIENT = "docker exec -w /client -e OPENAI_API_KEY=none winarena python run.py"
RESULTS = "/results/pyautogui/a11y_tree/gpt-4-vision-preview/0"
ALL = "/client/evaluation_examples_windows/test_all.json"


@pytest.fixture
async def arena(docker: Machine) -> Machine:
    """A VM whose Windows answers, in a container with WAA's client."""
    await docker.must(RUN)
    await docker.pass_time(1300)
    return docker


async def tasks_of(machine: Machine) -> dict[str, list[str]]:
    """What the benchmark has."""
    tasks: dict[str, list[str]] = json.loads(await machine.must(f"{EXEC} cat {ALL}"))
    return tasks


async def choose(machine: Machine, tasks: dict[str, list[str]]) -> str:
    """Write a list of tasks into the container; the option that names it."""
    await machine.must(f"{EXEC} tee /tmp/mine.json", json.dumps(tasks))
    return "--test_all_meta_path /tmp/mine.json --result_dir /results"


async def results_in(machine: Machine, folder: str = RESULTS) -> dict[str, str]:
    """Results by task."""
    paths = (await machine.must(f"{EXEC} find {folder} -name result.txt")).split()
    return {path.split("/")[-2]: await machine.must(f"{EXEC} cat {path}") for path in paths}


async def test_benchmark_has_domains_with_tasks(arena: Machine) -> None:
    tasks = await tasks_of(arena)
    assert 5 <= len(tasks) <= 8
    ids = [task for each in tasks.values() for task in each]
    assert len(ids) == len(set(ids)) == 34


async def test_chosen_tasks_leave_results_traces_and_pictures(arena: Machine) -> None:
    tasks = {domain: ids[:1] for domain, ids in list((await tasks_of(arena)).items())[:2]}
    before = arena.clock.now()
    out = await arena.must(f"{CLIENT} {await choose(arena, tasks)}")
    assert arena.clock.now() - before > 240
    results = await results_in(arena)
    assert set(results) == {ids[0] for ids in tasks.values()}
    assert set(results.values()) <= {"0.0\n", "1.0\n"}
    for domain, ids in tasks.items():
        assert f"Finished {domain}/{ids[0]}" in out
        left = await arena.must(f"{EXEC} ls {RESULTS}/{domain}/{ids[0]}")
        assert {"result.txt", "traj.jsonl"} < set(left.split())
        assert any(name.endswith(".png") for name in left.split())
    assert "Average score: " in out.splitlines()[-1]


async def test_scores_and_times_are_the_same_every_time(arena: Machine) -> None:
    tasks = {"chrome": (await tasks_of(arena))["chrome"][:3]}
    option, seen = await choose(arena, tasks), []
    for trial in ("0", "1"):
        before = arena.clock.now()
        await arena.must(f"{CLIENT} {option} --trial_id {trial}")
        folder = RESULTS.removesuffix("0") + trial
        seen.append((await results_in(arena, folder), round(arena.clock.now() - before, -2)))
    assert seen[0] == seen[1]


async def test_tasks_with_a_result_are_skipped(arena: Machine) -> None:
    option = await choose(arena, {"clock": (await tasks_of(arena))["clock"][:1]})
    await arena.must(f"{CLIENT} {option}")
    assert "No examples finished." in await arena.must(f"{CLIENT} {option}")


async def test_workers_share_all_tasks_without_overlap(arena: Machine) -> None:
    tasks, shares = await tasks_of(arena), []
    for worker in range(3):
        task = asyncio.create_task(
            arena.run(f"{CLIENT} --worker_id {worker} --num_workers 3 --result_dir /r{worker}")
        )
        await asyncio.sleep(0.3)
        task.cancel()
        log = await arena.must(f"{EXEC} sh -c 'grep -h doing /r{worker}/logs/*'")
        named = log.partition("is doing tasks: ")[2]
        shares.append([pair.strip("()'\" ") for pair in named.strip("[]\n ").split("), (")])
    counts = [len(share) for share in shares]
    assert (sum(counts), max(counts) - min(counts) <= 1) == (34, True)
    assert len({pair for share in shares for pair in share}) == 34
    assert sum(len(ids) for ids in tasks.values()) == 34


async def test_domain_narrows_the_tasks(arena: Machine) -> None:
    option = await choose(arena, {"clock": [], "notepad": []})
    assert "Left tasks:\nclock: 0\n" in await arena.must(f"{CLIENT} {option} --domain clock")


async def test_a_task_that_the_client_has_not_fails_the_run(arena: Machine) -> None:
    option = await choose(arena, {"clock": ["no-such-task"]})
    refused = await arena.patiently(f"{CLIENT} {option}")
    assert (refused.code, "FileNotFoundError" in refused.err) == (1, True)


async def test_without_a_key_for_the_model_no_agent_is_made(arena: Machine) -> None:
    refused = await arena.patiently("docker exec -w /client winarena python run.py")
    assert refused.code == 1
    assert "openai.OpenAIError: The api_key client option must be set" in refused.err


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        ("--worker_id two", 2, "invalid int value: 'two'"),
        ("--agent_name nobody", 1, "ValueError: Unknown agent name: nobody"),
        ("--test_all_meta_path /nowhere.json", 1, "FileNotFoundError"),
        ("--domain nothing", 1, "KeyError: 'nothing'"),
    ],
)
async def test_wrong_options_fail_as_there(
    arena: Machine, options: str, code: int, reason: str
) -> None:
    refused = await arena.patiently(f"{CLIENT} {options}")
    assert (refused.code, reason in refused.err) == (code, True)


async def test_client_is_found_in_its_folder_only(arena: Machine) -> None:
    refused = await arena.run(f"{EXEC} python run.py")
    assert (refused.code, "can't open file '/run.py'" in refused.err) == (2, True)


async def test_client_asks_until_windows_answers(docker: Machine) -> None:
    await docker.must(RUN)
    await docker.pass_time(60)
    option = await choose(docker, {"clock": []})
    out = await docker.must(f"{CLIENT} {option}")
    assert "Connection refused" in out
    assert "Response from server: " in out


async def begin(machine: Machine, command: str) -> asyncio.Task[Result]:
    """A client that runs."""
    task = asyncio.create_task(machine.run(command))
    await asyncio.sleep(0.2)
    assert not task.done()
    return task


async def test_terminated_client_says_so_and_exits_with_zero(arena: Machine) -> None:
    task = await begin(arena, f"{CLIENT} --result_dir /results")
    await arena.must(f"{EXEC} pkill -f run.py")
    done = await asyncio.wait_for(task, 5)
    assert done.code == 0
    assert done.out.endswith("Interrupted by 15, shutting down\n")
    assert (await arena.run(f"{EXEC} find /results -name result.txt")).out == ""


async def test_client_hangs_with_a_frozen_windows_and_goes_on_with_it(arena: Machine) -> None:
    option = await choose(arena, {"clock": (await tasks_of(arena))["clock"][:1]})
    task = await begin(arena, f"{CLIENT} {option}")
    await arena.host.inject(arena.spec.vm_id, faults.WINDOWS_FROZEN)
    await arena.pass_time(2000)
    assert not task.done()
    thaw = {"kind": faults.WINDOWS_FROZEN, "off": True}
    await arena.host.inject(arena.spec.vm_id, thaw)
    for _ in range(50):
        await arena.pass_time(20)
    assert (await asyncio.wait_for(task, 5)).code == 0


async def test_timeout_that_is_up_leaves_the_results_of_the_tasks_before(arena: Machine) -> None:
    option = await choose(arena, {"clock": (await tasks_of(arena))["clock"]})
    command = f"{CLIENT.replace('python', 'timeout 500 python')} {option}"
    assert (await arena.patiently(command)).code == 124
    assert 0 < len(await results_in(arena)) < 3


async def test_full_disk_ends_the_client(arena: Machine) -> None:
    await arena.host.inject(arena.spec.vm_id, faults.DISK_FULL)
    refused = await arena.patiently(f"{CLIENT} --result_dir /results")
    assert (refused.code, "No space left on device" in refused.err) == (1, True)


async def test_image_that_has_no_client_has_no_python(windows: Machine) -> None:
    refused = await windows.run("docker exec winarena python run.py")
    assert (refused.code, "executable file not found" in refused.err) == (127, True)


async def test_image_built_with_the_client_has_it(docker: Machine) -> None:
    await docker.must("mkdir context")
    await docker.must(
        "tee context/Dockerfile",
        f"FROM {IMAGE} AS waa\nFROM dockurr/windows\nCOPY --from=waa /client /client\n",
    )
    await docker.must("docker build -t waa/winarena:1 context")
    await docker.must(RUN_WINDOWS.replace("dockurr/windows", "waa/winarena:1"))
    assert "run.py" in await docker.must(f"{EXEC} ls /client")
