"""A look inside a running pool: real guests behind a real local Azure, no Prefect anywhere."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from command_line import OA_VM, InProcess
from running_pool import PATIENCE_SECONDS, POOL, STRANGER, RunningPool, leftovers, until

from local_azure import control
from vmpool.guest.keys import new_host_key

USAGE, FAILED, UNKNOWN = 2, 1, 3
INSIDE_MD = Path(__file__).parents[2] / "docs" / "inside.md"
DOCUMENTED = re.findall(
    r"^oa-vm (pool-exec .*|pool-ssh 0 -- .*)$", INSIDE_MD.read_text(), re.MULTILINE
)
needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client is installed")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPool]:
    """The pool that all of these look into."""
    folder = tmp_path_factory.mktemp("inside")
    (folder / "tmp").mkdir()
    status = control.launch(folder / "azure", control.Wanted(speed=1000.0))
    made = RunningPool(InProcess(folder, TMPDIR=str(folder / "tmp")), status)
    made.make()
    yield made
    assert leftovers(folder / "tmp") == []
    assert not (folder / "prefect").exists(), "Prefect was started for a look"
    control.stop(folder / "azure")


@pytest.fixture
def strange_key(pool: RunningPool) -> Iterator[str]:
    """A worker that shows another host key than its tags say."""
    pool.retag("waa-pool-01", "waa-host-key", new_host_key().public_line)
    yield "waa-pool-01"
    pool.retag("waa-pool-01", "waa-host-key", pool.addresses["waa-pool-01"].host_key)


def get(url: str) -> str:
    return httpx.get(url, timeout=20, trust_env=False).text


def test_whoever_looks_is_admitted_beside_who_was_and_nothing_else_changes(
    pool: RunningPool,
) -> None:
    before = {item["id"] for item in pool.raw.meter()["resources"]}
    assert pool.raw.get(pool.rule)["properties"]["sourceAddressPrefixes"] == [STRANGER]
    assert pool.oa_vm("pool-exec", "--", "true").code == 0
    admitted = pool.raw.get(pool.rule)["properties"]["sourceAddressPrefixes"]
    assert admitted == [STRANGER, "127.0.0.1/32"]
    assert {item["id"] for item in pool.raw.meter()["resources"]} == before


def test_a_command_runs_on_every_running_worker_with_its_words_as_given(
    pool: RunningPool,
) -> None:
    answer = pool.oa_vm("pool-exec", "--", "echo", "two  words", "$HOME;")
    assert sorted(answer.out.splitlines()) == [
        "waa-pool-00 | two  words $HOME;",
        "waa-pool-01 | two  words $HOME;",
    ]
    assert answer.code == 0
    assert "waa-pool-02 is deallocated" in answer.err


def test_one_failure_fails_the_command_and_says_where(pool: RunningPool) -> None:
    answer = pool.oa_vm("pool-exec", "--", "sudo", "docker", "inspect", "-f", "ok", "winarena")
    assert (answer.code, answer.out) == (FAILED, "waa-pool-00 | ok\n")
    assert "waa-pool-01 | Error: No such object: winarena" in answer.err
    assert answer.trouble.endswith("failed on 1 of 2: waa-pool-01 (exit code 1)")


def test_json_has_everything_of_each_worker(pool: RunningPool) -> None:
    answer = pool.oa_vm("pool-exec", "--json", "-w", "1", "-w", "0", "--", "cat", "/nowhere")
    assert answer.code == FAILED
    assert json.loads(answer.out) == [
        {
            "worker": worker,
            "exit_code": 1,
            "stdout": "",
            "stderr": "cat: /nowhere: No such file or directory\n",
            "error": None,
        }
        for worker in ("waa-pool-00", "waa-pool-01")
    ]


def test_a_command_can_run_inside_the_windows_container(pool: RunningPool) -> None:
    answer = pool.oa_vm("pool-exec", "--container", "--worker", "00", "--", "ls", "/storage")
    assert answer.code == 0
    assert "waa-pool-00 | data.img" in answer.out.splitlines()


def test_the_windows_log_is_printed_whole_or_in_part(pool: RunningPool) -> None:
    whole = pool.oa_vm("pool-logs", "waa-pool-00")
    assert (whole.code, whole.err) == (0, "")
    assert "Starting Windows for Docker" in whole.out.splitlines()[0]
    assert pool.oa_vm("pool-logs", "0", "--tail", "1").out == whole.out.splitlines()[-1] + "\n"


def test_a_worker_without_windows_has_no_log(pool: RunningPool) -> None:
    answer = pool.oa_vm("pool-logs", "1")
    assert (answer.code, answer.out) == (FAILED, "")
    assert "waa-pool-01 has no log of Windows" in answer.trouble


def test_a_log_is_followed_until_ctrl_c(pool: RunningPool) -> None:
    held = pool.hold("pool-logs", "0", "--tail", "1", "-f")
    held.says("Windows started successfully")
    assert held.process.poll() is None
    assert held.end() == 0
    assert held.err == ""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("pool-logs", "0", "-f"), id="a log that goes on being printed"),
        pytest.param(("pool-logs", "0", "--tail", "1", "-f"), id="a log that says nothing more"),
        pytest.param(("pool-tunnel", "0", "--json"), id="tunnels"),
        pytest.param(("pool-vnc", "0"), id="a desktop"),
    ],
)
def test_what_is_held_for_a_reader_ends_quietly_when_it_has_gone(
    pool: RunningPool, command: tuple[str, ...]
) -> None:
    """Whatever it has to say is said, or not: `head -n 1` reads a piece and goes."""
    process = subprocess.Popen(
        [OA_VM, *command],
        env=pool.oa_vm.environment,
        cwd=pool.oa_vm.state_dir,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(PATIENCE_SECONDS) == 0
    assert process.stderr.read() == ""


def test_tunnels_lead_to_waa_and_desktop_until_ctrl_c(pool: RunningPool) -> None:
    held = pool.hold("pool-tunnel", "--json")
    document = held.document()
    assert document["pool"] == POOL
    first, second = document["workers"]
    assert (first["name"], second["name"]) == ("waa-pool-00", "waa-pool-01")
    assert "operational" in get(first["waa"] + "/probe")
    assert "<title>Windows" in get(first["desktop"])
    with pytest.raises(httpx.HTTPError):
        get(second["waa"] + "/probe")
    assert held.end() == 0
    assert json.loads(held.out) == document
    with pytest.raises(httpx.ConnectError):
        get(first["desktop"])


def test_a_tunnel_tells_of_a_drop_and_comes_back_with_the_same_address(pool: RunningPool) -> None:
    held = pool.hold("pool-tunnel", "1")
    table = held.says("Open until Ctrl-C")
    assert max(len(line) for line in table.splitlines()) <= 80
    assert "waa-pool-01" in table
    assert "waa-pool-00" not in table
    pool.raw.do("POST", f"{pool.vm('waa-pool-01')}/restart")
    held.says("waa-pool-01: the connection was cut; connecting again")
    held.says("waa-pool-01: connected again, same addresses")
    assert held.out == table
    assert held.end(signal.SIGTERM) == 0


def test_the_desktop_has_an_address_until_ctrl_c(pool: RunningPool) -> None:
    held = pool.hold("pool-vnc", "00")
    url = held.says("http://127.0.0.1:").strip()
    assert "<title>Windows" in until(lambda: get(url), "the page")
    assert held.err == ""
    assert held.end() == 0


def test_a_desktop_that_is_not_there_yet_is_said(pool: RunningPool) -> None:
    held = pool.hold("pool-vnc", "1", "--json")
    assert held.document()["worker"] == "waa-pool-01"
    held.says("nothing answers there yet")
    assert held.end() == 0


@needs_ssh
def test_ssh_runs_a_command_and_passes_its_exit_code_on(pool: RunningPool) -> None:
    answer = pool.oa_vm.spawned("pool-ssh", "0", "--", "hostname", "&&", "no-such-program")
    assert (answer.code, answer.out) == (127, "waa-pool-00\n")


@needs_ssh
@pytest.mark.parametrize("line", DOCUMENTED)
def test_the_commands_of_the_docs_work(pool: RunningPool, line: str) -> None:
    answer = pool.oa_vm.spawned(*shlex.split(line.replace("-w 1", "-w 0"), comments=True))
    assert (answer.code, bool(answer.out)) == (0, True), answer.err


@needs_ssh
def test_ssh_gives_a_session_at_a_terminal(pool: RunningPool) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [OA_VM, "pool-ssh", "1"],
        env={**pool.oa_vm.environment, "TERM": "xterm"},
        cwd=pool.oa_vm.state_dir,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = ""
    for words, keys in ((":~$ ", b"hostname\r"), ("waa-pool-01\r\n", b""), (":~$ ", b"exit\r")):
        while words not in seen:
            seen += os.read(ours, 1000).decode()
        seen = seen.partition(words)[2]
        os.write(ours, keys)
    assert process.wait(30) == 0
    os.close(ours)


@needs_ssh
def test_ssh_believes_the_recorded_key_alone_and_shows_no_secret(
    pool: RunningPool, tmp_path: Path
) -> None:
    """A program named ssh in its place notes what it was given."""
    fake = tmp_path / "ssh"
    fake.write_text(
        f"#!{sys.executable}\nimport json, pathlib, sys\n"
        "name = next(a for a in sys.argv if a.startswith('UserKnownHostsFile='))\n"
        "file = pathlib.Path(name.partition('=')[2].strip('\"'))\n"
        "mode = oct(file.parent.stat().st_mode)[-3:]\n"
        "print(json.dumps([sys.argv[1:], file.read_text(), mode]))\n"
    )
    fake.chmod(0o700)
    path = f"{tmp_path}{os.pathsep}{pool.oa_vm.environment['PATH']}"
    answer = InProcess(pool.oa_vm.state_dir, PATH=path).spawned("pool-ssh", "0", "--", "-x")
    argv, known_hosts, mode = json.loads(answer.out)
    address = pool.addresses["waa-pool-00"]
    assert known_hosts == f"{address.known_host} {address.host_key}\n"
    assert mode == "700"
    assert "StrictHostKeyChecking=yes" in argv
    assert "IdentitiesOnly=yes" in argv
    assert argv[-3:] == ["--", address.ip, "-x"]
    assert "PRIVATE" not in answer.out


def test_without_an_ssh_client_one_line_says_so(pool: RunningPool, tmp_path: Path) -> None:
    answer = InProcess(pool.oa_vm.state_dir, PATH=str(tmp_path))("pool-ssh", "0")
    assert (answer.code, answer.out) == (FAILED, "")
    assert "there is no ssh program here" in answer.trouble


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("pool-tunnel", "7"), "has no worker '7'; it has waa-pool-00, waa-pool-01"),
        (
            ("pool-logs", "waa-pool-02"),
            "waa-pool-02 is deallocated, not running: oa-vm pool-resume",
        ),
        (("pool-ssh", "0", "--pool", "nobody"), "no pool 'nobody'"),
    ],
)
def test_who_cannot_be_spoken_to_is_said_in_one_line(
    pool: RunningPool, command: tuple[str, ...], words: str
) -> None:
    answer = pool.oa_vm(*command)
    assert (answer.code, answer.out) == (FAILED, "")
    assert words in answer.trouble


@pytest.mark.parametrize(
    "command",
    [
        ("pool-tunnel", "1"),
        pytest.param(("pool-ssh", "1"), marks=needs_ssh),
    ],
    ids=lambda command: command[0],
)
def test_a_worker_with_another_host_key_is_not_spoken_to(
    pool: RunningPool, command: tuple[str, ...], strange_key: str
) -> None:
    answer = pool.oa_vm(*command)
    assert strange_key == "waa-pool-01"
    assert (answer.code, answer.out) == (FAILED, "")
    assert "another SSH host key" in answer.trouble


def test_without_a_running_azure_nothing_is_started(lone_oa_vm: InProcess) -> None:
    answer = lone_oa_vm("pool-vnc", "0")
    assert (answer.code, answer.out) == (UNKNOWN, "")
    assert list(lone_oa_vm.state_dir.iterdir()) == []


def test_a_key_that_is_not_there_is_not_replaced(pool: RunningPool, tmp_path: Path) -> None:
    missing = tmp_path / "key"
    answer = InProcess(pool.oa_vm.state_dir, WAA_SSH_KEY_FILE=str(missing))("pool-logs", "0")
    assert answer.code == USAGE
    assert "WAA_SSH_KEY_FILE" in answer.trouble
    assert not missing.exists()
