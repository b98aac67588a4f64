"""Docker in guests against registries: the hub, and a real `docker-registry` with an account."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_registry import PASSWORD, PROGRAM, USER, DockerRegistry
from guest_machine import Machine, Make, Result
from public_registries import public_registries

from local_azure.oci.content import digest_of

NEEDS_REGISTRY = pytest.mark.skipif(PROGRAM is None, reason="docker-registry is not installed")
WITH_DOCKER = (
    b"#cloud-config\npackages: [docker.io]\nsystem_info: {default_user: {groups: [docker]}}"
)
DENIED = "denied: requested access to the resource is denied\n"
DOCKERFILE = "FROM hello-world\nRUN echo one\nLABEL owner=pool\n"
ID = "docker image inspect --format '{{.Id}}' "


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[DockerRegistry]:
    made = DockerRegistry(tmp_path)
    yield made
    made.close()


async def log_in(guest: Machine, registry: DockerRegistry) -> None:
    await guest.must(f"docker login -u {USER} --password-stdin {registry.host}", f"{PASSWORD}\n")


async def build(guest: Machine, tag: str, dockerfile: str = DOCKERFILE) -> None:
    await guest.must("mkdir -p context && tee context/Dockerfile", dockerfile)
    await guest.must(f"docker build -q -t {tag} context")


async def push_new(guest: Machine, registry: DockerRegistry) -> str:
    """Build and push an image; its name without tag."""
    name = f"{registry.host}/waa/winarena"
    await log_in(guest, registry)
    await build(guest, f"{name}:1")
    await guest.must(f"docker push {name}:1")
    return name


async def begin(guest: Machine, command: str) -> asyncio.Future[Result]:
    """A command that has come so far that it waits for the clock."""
    running = asyncio.ensure_future(guest.run(command))
    while not running.done() and guest.clock.next_due() is None:
        await asyncio.wait({running}, timeout=0.01)
    return running


async def digest(guest: Machine, image: str) -> str:
    form = "'{{json .RepoDigests}}'"
    names = json.loads(await guest.must(f"docker image inspect --format {form} {image}"))
    return str(names[0].partition("@")[2])


async def test_image_of_a_digest_is_the_one_of_the_tag(docker: Machine, machine: Make) -> None:
    await docker.must("docker pull hello-world")
    pinned = await digest(docker, "hello-world")
    other = machine(user_data=WITH_DOCKER)
    await other.install()
    out = await other.must(f"docker pull hello-world@{pinned}")
    assert f"Digest: {pinned}" in out
    assert await other.must(f"{ID} hello-world@{pinned}") == await docker.must(f"{ID} hello-world")
    assert await digest(other, f"hello-world@{pinned}") == pinned
    missing = await other.patiently(f"docker pull hello-world@{digest_of(b'')}")
    assert "manifest unknown" in missing.err


async def test_moved_tag_brings_new_layers_only_and_the_old_digest_stays(docker: Machine) -> None:
    await docker.must("docker pull nginx:1.27")
    before, first = await digest(docker, "nginx:1.27"), await docker.must(f"{ID} nginx:1.27")
    public_registries().shelf.move("nginx:1.27")
    out = await docker.must("docker pull nginx:1.27")
    assert out.count("Already exists") == 3
    assert out.count("Pull complete") == 4
    assert await docker.must(f"{ID} nginx:1.27") != first
    await docker.must(f"docker pull nginx@{before}")
    assert await docker.must(f"{ID} nginx@{before}") == first


async def test_size_and_time_of_a_pull_are_those_that_the_layers_claim(docker: Machine) -> None:
    began = docker.clock.now()
    await docker.must("docker pull windowsarena/winarena")
    assert 180 <= docker.clock.now() - began <= 200
    form = "docker image inspect --format '{{.Size}}' windowsarena/winarena"
    assert int(await docker.must(form)) == 11 << 30
    began = docker.clock.now()
    await docker.must("docker pull windowsarena/winarena")
    assert docker.clock.now() - began <= 12


async def test_pull_that_loses_power_keeps_nothing(docker: Machine) -> None:
    running = await begin(docker, "docker pull windowsarena/winarena")
    await docker.pass_time(100)
    await docker.power_off(is_orderly=False)
    with contextlib.suppress(Exception):
        await running
    await docker.boot()
    assert await docker.must("docker images -q") == ""
    out = await docker.must("docker pull windowsarena/winarena")
    assert "Already exists" not in out


@NEEDS_REGISTRY
async def test_image_pushed_by_one_guest_is_pulled_by_another(
    docker: Machine, machine: Make, registry: DockerRegistry
) -> None:
    name = f"{registry.host}/waa/winarena"
    await log_in(docker, registry)
    await build(docker, f"{name}:1")
    out = await docker.must(f"docker push {name}:1")
    pushed = await digest(docker, f"{name}:1")
    assert f"1: digest: {pushed} size: " in out
    assert registry.blob(pushed).stat().st_size == int(out.split()[-1])
    other = machine(user_data=WITH_DOCKER)
    await other.install()
    await log_in(other, registry)
    await other.must(f"docker pull {name}:1")
    assert await other.must(f"{ID} {name}:1") == await docker.must(f"{ID} {name}:1")
    assert await digest(other, f"{name}:1") == pushed
    labels = "docker image inspect --format '{{json .Config.Labels}}' "
    assert json.loads(await other.must(labels + f"{name}:1")) == {"owner": "pool"}


@NEEDS_REGISTRY
async def test_layers_of_the_hub_keep_their_digests_on_the_way(
    docker: Machine, registry: DockerRegistry
) -> None:
    name = f"{registry.host}/mirror/nginx:1"
    await docker.must(f"docker pull nginx && docker tag nginx {name}")
    await log_in(docker, registry)
    out = await docker.must(f"docker push {name}")
    assert out.count(": Pushed") == 7
    again = await docker.must(f"docker push {name}")
    assert again.count(": Layer already exists") == 7
    pushed = out.split("digest: ")[1].split()[0]
    manifest = public_registries().shelf.manifest("docker.io/library/nginx", "latest")
    assert pushed == digest_of(manifest or b"")


@NEEDS_REGISTRY
async def test_pushed_windows_image_still_runs_windows(
    docker: Machine, machine: Make, registry: DockerRegistry
) -> None:
    name = f"{registry.host}/waa:1"
    await log_in(docker, registry)
    await build(docker, name, "FROM scratch\nCOPY --from=dockurr/windows / /\n")
    await docker.must(f"docker push -q {name}")
    other = machine(user_data=WITH_DOCKER)
    await other.install()
    await log_in(other, registry)
    run = "docker run -d --name waa --device /dev/kvm -p 127.0.0.1:5000:5000 -v /opt/s:/storage"
    await other.must(f"{run} {name}")
    await other.pass_time(1300)
    await other.must("curl -sf http://localhost:5000/probe")


@NEEDS_REGISTRY
async def test_tampered_layer_is_refused_and_nothing_kept(
    docker: Machine, machine: Make, registry: DockerRegistry
) -> None:
    name = await push_new(docker, registry)
    layers = "docker image inspect --format '{{json .RootFS.Layers}}' "
    assert len(json.loads(await docker.must(f"{layers} {name}:1"))) == 2
    manifest = json.loads(registry.blob(await digest(docker, f"{name}:1")).read_text())
    victim = registry.blob(manifest["layers"][-1]["digest"])
    victim.write_bytes(bytes(len(victim.read_bytes())))
    other = machine(user_data=WITH_DOCKER)
    await other.install()
    await log_in(other, registry)
    refused = await other.patiently(f"docker pull {name}:1")
    assert refused.code == 1
    assert "filesystem layer verification failed for digest sha256:" in refused.err
    assert await other.must("docker images -q") == ""


@NEEDS_REGISTRY
async def test_push_needs_a_login_that_the_registry_takes(
    docker: Machine, registry: DockerRegistry
) -> None:
    name = f"{registry.host}/waa:1"
    await build(docker, name)
    refused = await docker.patiently(f"docker push {name}")
    assert (refused.code, refused.err) == (1, "no basic auth credentials\n")
    login = f"docker login -u {USER} --password-stdin {registry.host}"
    wrong = await docker.run(login, "wrong\n")
    assert wrong.code == 1
    assert f'daemon: Get "https://{registry.host}/v2/": unauthorized' in wrong.err
    assert (await docker.run("test -e .docker/config.json")).code == 1
    await log_in(docker, registry)
    await docker.must(f"docker push {name} && docker logout {registry.host}")
    assert (await docker.patiently(f"docker pull {name}")).code == 1
    assert registry.blobs()


@NEEDS_REGISTRY
async def test_push_that_loses_power_makes_no_tag(
    docker: Machine, registry: DockerRegistry
) -> None:
    name = f"{registry.host}/waa:1"
    await log_in(docker, registry)
    await docker.must(f"docker pull python && docker tag python {name}")
    running = await begin(docker, f"docker push {name}")
    await docker.power_off(is_orderly=False)
    with contextlib.suppress(Exception):
        await running
    await docker.boot()
    assert "manifest unknown" in (await docker.patiently(f"docker pull {name}")).err
    out = await docker.must(f"docker push {name}")
    assert out.count("Layer already exists") == 7


@NEEDS_REGISTRY
async def test_login_lies_in_the_folder_that_config_names(
    docker: Machine, registry: DockerRegistry
) -> None:
    login = f"login -u {USER} --password-stdin {registry.host}"
    await docker.must(f"docker --config vault {login}", f"{PASSWORD}\n")
    assert f'"{registry.host}"' in await docker.must("cat vault/config.json")
    assert (await docker.run("test -e .docker")).code == 1
    name = f"{registry.host}/waa:1"
    await build(docker, name)
    assert (await docker.patiently(f"docker push {name}")).code == 1
    await docker.must(f"DOCKER_CONFIG=vault docker push {name}")
    await docker.must(f"docker --config vault logout {registry.host}")
    assert (await docker.run(f"grep -q {registry.host} vault/config.json")).code == 1


@NEEDS_REGISTRY
async def test_login_lies_in_the_home_until_logout_and_root_has_another(
    docker: Machine, registry: DockerRegistry
) -> None:
    await log_in(docker, registry)
    assert f'"{registry.host}"' in await docker.must("cat .docker/config.json")
    assert await docker.must("grep -rl auth .docker") == ".docker/config.json\n"
    assert (await docker.run("sudo test -e /root/.docker/config.json")).code == 1
    name = f"{registry.host}/waa:1"
    await build(docker, name)
    assert (await docker.patiently(f"sudo docker push {name}")).err == "no basic auth credentials\n"
    await docker.must(f"docker logout {registry.host}")
    assert (await docker.run(f"grep -q {registry.host} .docker/config.json")).code == 1
    assert await docker.must(f"docker logout {registry.host}") == (
        f"Not logged in to {registry.host}\n"
    )


@NEEDS_REGISTRY
async def test_variables_of_a_user_are_not_roots_unless_sudo_is_told(
    docker: Machine, registry: DockerRegistry
) -> None:
    login = f"docker --config /opt/waa login -u {USER} --password-stdin {registry.host}"
    await docker.must(f"sudo {login}", f"{PASSWORD}\n")
    name = f"{registry.host}/waa:1"
    await build(docker, name)
    push = f"docker push {name}"
    refused = await docker.patiently(f"DOCKER_CONFIG=/opt/waa sudo {push}")
    assert refused.err == "no basic auth credentials\n"
    await docker.must(f"sudo DOCKER_CONFIG=/opt/waa {push}")
    await docker.must(f"DOCKER_CONFIG=/opt/waa sudo -E {push}")


async def test_nobody_logs_in_to_the_hub_or_pushes_to_it(docker: Machine) -> None:
    login = "docker login -u user --password-stdin"
    refused = await docker.run(login, "password\n")
    assert refused.code == 1
    assert "unauthorized: incorrect username or password" in refused.err
    await docker.must("docker pull alpine && docker tag alpine pool/mine")
    refused = await docker.patiently("docker push pool/mine")
    assert (refused.code, refused.err) == (1, DENIED)


async def test_registry_that_is_not_there_refuses_the_connection(docker: Machine) -> None:
    refused = await docker.patiently("docker pull 127.0.0.1:1/waa:1")
    assert refused.code == 1
    assert "dial tcp 127.0.0.1:1: connect: connection refused" in refused.err
