"""The registry as pools use it: real pushes and pulls between guests and a registry, over HTTPS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from world import Run, World

from flows.image_pull import image_pull
from flows.image_push import image_push
from flows.pool_create import pool_create
from tasks import session
from vmpool.errors import NotFoundError
from vmpool.settings import Settings

REGISTRY = "/providers/Microsoft.ContainerRegistry/registries"


@pytest.fixture(scope="module")
def pushed(shared_world: World) -> tuple[World, Run, Run]:
    """A pool of one that built its image, and the run that pushed it."""
    created = shared_world.run_now(pool_create, workers=1)
    return shared_world, created, shared_world.run_now(image_push)


def registry(run: Run) -> dict[str, Any]:
    """The registry that a run returned."""
    found = run.status["registry"]
    assert isinstance(found, dict)
    return found


def docker(world: World, index: int, *words: str) -> str:
    """What a docker command on a worker prints."""
    shell = world.shell(index)
    answer = shell.run(["sudo", "docker", *words], 20)
    shell.close()
    return answer.out


def test_a_push_makes_the_registry_and_puts_the_built_image_there(
    pushed: tuple[World, Run, Run],
) -> None:
    world, _, run = pushed
    (made,) = world.raw.get(f"{world.path}{REGISTRY}")["value"]
    assert made["name"] == registry(run)["name"]
    assert made["properties"]["adminUserEnabled"] is False
    assert registry(run)["digest"].startswith("sha256:")
    assert registry(run)["digest"] == registry(run)["latest_digest"]


def test_pushing_again_finds_the_image_there(pushed: tuple[World, Run, Run]) -> None:
    world, _, first = pushed
    again = world.run_now(image_push)
    assert registry(again)["digest"] == registry(first)["digest"]
    assert again.phases(world.worker(0))["push-image"] == "was there"


def test_a_new_worker_pulls_by_digest_instead_of_building(pushed: tuple[World, Run, Run]) -> None:
    world, _, run = pushed
    created = world.run_now(pool_create, workers=2)
    phases = created.phases(world.worker(1))
    assert phases["pull-image"] == f"from registry {registry(run)['name']}"
    assert phases["build-image"] == "was there"
    assert world.is_ready(1)
    named = docker(world, 1, "images", "--format", "{{.Repository}}:{{.Tag}}").split()
    shown = docker(world, 1, "image", "inspect", "--format", "{{json .RepoDigests}}", named[0])
    assert registry(run)["digest"] in shown
    base = Settings.model_fields["windows_image"].default.removeprefix("docker.io/")
    assert base.partition(":")[0] not in docker(world, 1, "images", "--format", "{{.Repository}}")


def test_no_login_is_left_on_a_worker(pushed: tuple[World, Run, Run]) -> None:
    world, _, _ = pushed
    shell = world.shell(0)
    found = shell.run(["sudo", "find", "/run", "/root", "/home", "-name", "config.json"], 20).out
    folders = shell.run(["sudo", "find", "/run", "-name", "waa-login-*"], 20).out
    shell.close()
    assert (found, folders) == ("", "")


def test_no_token_is_in_any_parameter_log_or_request(pushed: tuple[World, Run, Run]) -> None:
    """A token of the registry is a JWT: its first letters give it away."""
    world, _, run = pushed
    assert "eyJ" not in repr(run.spans) + repr(run.status) + repr(world.requests())


async def test_pulling_from_no_registry_is_refused_with_a_hint(world: World) -> None:
    await world.run(pool_create, workers=1)
    world.variables["WAA_WAA_IMAGE"] = "another"
    run = await world.run(image_pull)
    assert "oa-vm image-push" in str(run.error)


async def test_pushing_without_a_running_worker_is_refused_with_a_hint(world: World) -> None:
    run = await world.run(image_push)
    assert isinstance(run.error, NotFoundError)


async def test_a_pull_of_a_tampered_layer_is_refused_and_nothing_runs_from_it(
    pushed: tuple[World, Run, Run],
) -> None:
    world = pushed[0]
    blobs = [path for path in blobs_of(world) if path.stat().st_size]
    kept = {path: path.read_bytes() for path in blobs}
    try:
        for path, content in kept.items():
            if content[:2] == b"\x1f\x8b":  # layers; the manifest stays as it is
                path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        failed = await world.run(pool_create, workers=3)
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
    assert "digest" in str(failed.error).lower() or "verification" in str(failed.error).lower()
    assert world.power(2) == "gone"


def blobs_of(world: World) -> list[Path]:
    """Files that hold the contents of the registries."""
    folder = world.state_dir / "azure" / "registries"
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build of Azure's is real work of another process: limits leave it its time."""
    monkeypatch.setattr(session, "SHORTEST_LIMIT_WALL_SECONDS", 30.0)


@pytest.mark.usefixtures("patient")
async def test_azure_builds_the_image_without_any_vm_and_a_pool_takes_it(world: World) -> None:
    built = await world.run(image_push, builder="acr")
    assert registry(built)["digest"] == registry(built)["latest_digest"]
    assert world.vms() == []
    created = await world.run(pool_create, workers=1)
    assert created.phases(world.worker(0))["pull-image"].startswith("from registry")
    assert created.phases(world.worker(0))["build-image"] == "was there"


@pytest.mark.usefixtures("patient")
async def test_a_build_that_azure_refuses_fails_with_the_end_of_its_log(world: World) -> None:
    world.variables["WAA_WINDOWS_IMAGE"] = "docker.io/dockurr/nosuch:1"
    run = await world.run(image_push, builder="acr")
    assert "Failed" in str(run.error)
    assert "dockurr/nosuch" in str(run.error)
