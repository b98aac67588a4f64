"""What Docker must do in any guest, simulated or real."""

from __future__ import annotations

import json

import pytest
from guest_machine import Machine

DOCKERFILE = """\
ARG BASE=alpine:latest
FROM ${BASE}
# a comment
COPY app/ /app/
RUN echo one \\
    && echo two
ENV MODE=fast
LABEL owner=pool
CMD ["/app/start"]
"""


async def make_context(machine: Machine, dockerfile: str = DOCKERFILE) -> None:
    await machine.must("mkdir -p context/app")
    await machine.must("tee context/Dockerfile", dockerfile)
    await machine.must("tee context/app/start", "#!/bin/sh\n")


async def test_pull_shows_progress_and_a_digest(docker: Machine) -> None:
    out = await docker.must("docker pull alpine:3.20")
    assert "3.20: Pulling from library/alpine" in out
    assert "Status: Downloaded newer image for alpine:3.20" in out
    digest = next(line.split()[1] for line in out.splitlines() if line.startswith("Digest:"))
    shown = await docker.must("docker inspect --format '{{index .RepoDigests 0}}' alpine:3.20")
    assert shown.strip() == f"alpine@{digest}"
    assert "Image is up to date" in await docker.must("docker pull alpine:3.20")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("registry.invalid/x", "no such host"),
        ("nosuch/repository", "pull access denied for nosuch/repository"),
        ("alpine:nosuchtag", "manifest unknown"),
        ("UPPER", "invalid reference format"),
        ("waapool.azurecr.io/winarena", "no such host"),
    ],
)
async def test_pull_of_the_unknown_fails(docker: Machine, image: str, message: str) -> None:
    result = await docker.patiently(f"docker pull {image}")
    assert result.code == 1
    assert message in result.err


async def test_inspect_of_a_missing_image_fails(docker: Machine) -> None:
    result = await docker.run("docker image inspect alpine")
    assert (result.code, result.out.strip()) == (1, "[]")
    assert "No such image: alpine" in result.err


async def test_images_lists_names_as_json(docker: Machine) -> None:
    await docker.must("docker pull alpine && docker tag alpine waa/mine:1")
    rows = [
        json.loads(line)
        for line in (await docker.must("docker images --format json")).split("\n")
        if line
    ]
    assert {(row["Repository"], row["Tag"]) for row in rows} == {
        ("alpine", "latest"),
        ("waa/mine", "1"),
    }
    assert len({row["ID"] for row in rows}) == 1
    await docker.must("docker rmi alpine && docker image inspect waa/mine:1")


async def test_build_makes_an_image_and_caches_its_steps(docker: Machine) -> None:
    await make_context(docker)
    first = await docker.patiently("docker build -t waa/built:1 context")
    assert first.code == 0, first
    before = docker.clock.now()
    again = await docker.patiently("docker build -t waa/built:2 --progress plain context")
    assert docker.clock.now() - before < 20
    assert "CACHED" in again.err
    ids = await docker.must("docker images -q")
    assert len(ids.split()) == 2
    document = json.loads(await docker.must("docker inspect waa/built:1"))[0]
    assert document["Config"]["Cmd"] == ["/app/start"]
    assert "MODE=fast" in document["Config"]["Env"]
    assert document["Config"]["Labels"] == {"owner": "pool"}


async def test_build_with_other_content_is_another_image(docker: Machine) -> None:
    await make_context(docker)
    one = await docker.must("docker build -q context")
    await docker.must("tee context/app/start", "#!/bin/sh\nexit 1\n")
    assert await docker.must("docker build -q context") != one


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        ("FROM alpine\nCOPY gone /\n", '"/gone": not found'),
        ("FROM alpine\nCOPY ../../etc/passwd /\n", "not found"),
        ("FROM nosuch/base\n", "nosuch/base"),
        ("FROM alpine\nRUN false\n", "exit code: 1"),
        ("FROM alpine\nJUMP\n", "unknown instruction: JUMP"),
    ],
)
async def test_build_that_cannot_work_fails(docker: Machine, dockerfile: str, message: str) -> None:
    await make_context(docker, dockerfile)
    result = await docker.patiently("docker build -t x context")
    assert result.code == 1
    assert message in result.err


async def test_run_pulls_what_is_missing(docker: Machine) -> None:
    result = await docker.patiently("docker run -d --name quiet alpine sleep infinity")
    assert result.code == 0
    assert "Unable to find image 'alpine:latest' locally" in result.err
    assert await docker.must("docker ps --format '{{.Names}} {{.State}}'") == "quiet running\n"
    assert await docker.must("docker inspect --format '{{.State.Running}}' quiet") == "true\n"


async def test_name_in_use_is_a_conflict(docker: Machine) -> None:
    await docker.must("docker run -d --name one alpine sleep infinity")
    result = await docker.run("docker run -d --name one alpine sleep infinity")
    assert result.code == 125
    assert 'The container name "/one" is already in use' in result.err


async def test_port_in_use_is_refused(docker: Machine) -> None:
    await docker.must("docker run -d --name one -p 5000:5000 alpine sleep infinity")
    result = await docker.run("docker run -d --name two -p 5000:5000 alpine sleep infinity")
    assert result.code == 125
    assert "port is already allocated" in result.err
    assert await docker.must("docker inspect --format '{{.State.Status}}' two") == "created\n"


async def test_containers_end_and_are_removed(docker: Machine) -> None:
    await docker.must("docker run -d --name short alpine sleep 30")
    assert (await docker.run("docker rm short")).code == 1
    await docker.pass_time(40)
    assert await docker.must("docker wait short") == "0\n"
    assert (await docker.run("docker ps -q")).out == ""
    assert (await docker.run("docker exec short true")).code == 1
    await docker.must("docker rm short")
    assert "No such container" in (await docker.run("docker start short")).err


async def test_kill_and_restart_change_the_exit_code(docker: Machine) -> None:
    await docker.must("docker run -d --name one alpine sleep infinity")
    await docker.must("docker kill one")
    form = "docker inspect --format '{{.State.ExitCode}} {{.State.Running}}' one"
    assert await docker.must(form) == "137 false\n"
    await docker.must("docker restart one")
    assert await docker.must(form) == "0 true\n"
    await docker.must("docker rm -f one")
    assert (await docker.run("docker inspect one")).code == 1


async def test_restart_policy_decides_after_a_reboot(docker: Machine) -> None:
    for policy in ("no", "always", "unless-stopped"):
        await docker.must(f"docker run -d --name {policy} --restart {policy} alpine sleep infinity")
    await docker.must("docker run -d --name halted --restart unless-stopped alpine sleep infinity")
    await docker.must("docker stop halted")
    await docker.must("sudo reboot")
    await docker.pass_time(60)
    names = await docker.must("docker ps --format '{{.Names}}'")
    assert set(names.split()) == {"always", "unless-stopped"}


async def test_unknown_program_in_a_container_is_127(docker: Machine) -> None:
    await docker.must("docker run -d --name one alpine sleep infinity")
    result = await docker.run("docker exec one nosuchprogram")
    assert result.code == 127
    assert "executable file not found in $PATH" in result.err
    assert (await docker.run("docker exec one sh -c 'echo hello'")).out == "hello\n"


async def test_login_without_a_password_or_a_registry_fails(docker: Machine) -> None:
    refused = await docker.run("docker login -u user waapool.azurecr.io")
    assert refused.code == 1
    unknown = await docker.run("docker login -u user -p secret waapool.azurecr.io")
    assert "Using --password via the CLI is insecure" in unknown.err
    assert "lookup waapool.azurecr.io on 127.0.0.53:53: no such host" in unknown.err


async def test_unknown_option_is_a_usage_error(docker: Machine) -> None:
    assert (await docker.run("docker run --nosuchoption alpine")).code == 125
    assert (await docker.run("docker nosuchcommand")).code == 1


async def test_broken_configuration_stops_the_engine_from_starting(docker: Machine) -> None:
    await docker.must("sudo mkdir -p /etc/docker && sudo tee /etc/docker/daemon.json", "{broken")
    assert (await docker.run("sudo systemctl restart docker")).code == 1
    assert (await docker.run("systemctl is-active docker")).out == "failed\n"
    assert "Is the docker daemon running?" in (await docker.run("docker ps")).err


async def test_images_on_the_temp_disk_are_lost_with_it(docker: Machine) -> None:
    await docker.must("sudo mkdir -p /etc/docker /mnt/docker")
    await docker.must("sudo tee /etc/docker/daemon.json", '{"data-root": "/mnt/docker"}')
    await docker.must("sudo systemctl restart docker && docker pull alpine")
    await docker.power_off(is_orderly=True)
    docker.wipe_temp_disk()
    await docker.boot()
    assert await docker.must("docker images -q") == ""
    await docker.must("sudo rm /etc/docker/daemon.json && sudo systemctl restart docker")
    await docker.must("docker pull alpine")
    await docker.power_off(is_orderly=True)
    docker.wipe_temp_disk()
    await docker.boot()
    assert await docker.must("docker images -q") != ""


async def test_label_of_the_command_line_is_beside_those_of_the_file(docker: Machine) -> None:
    await make_context(docker)
    await docker.must("docker build -q -t app --label base=sha256:1 --label owner=me context")
    shown = await docker.must("docker image inspect --format '{{json .Config.Labels}}' app")
    assert json.loads(shown) == {"owner": "me", "base": "sha256:1"}
