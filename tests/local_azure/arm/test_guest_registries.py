"""Docker in guests behind Azure: the hub and a container registry over HTTPS, with tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from guest_lab import SSH_RULE, Lab
from raw_registry import TOKEN_USER, RawRegistry, create_registry

from local_azure import control
from local_azure.control import Status, Wanted

WITH_DOCKER = """#cloud-config
packages: [docker.io]
system_info: {default_user: {groups: [docker]}}
"""
REFUSED = "unauthorized: authentication required"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Status]:
    """A server with guests whose clock only these tests move."""
    folder = tmp_path_factory.mktemp("registries") / "azure"
    yield control.launch(folder, Wanted(speed=1.0))
    control.stop(folder)


@pytest.fixture(scope="module")
def lab(server: Status) -> Lab:
    """Two VMs with Docker."""
    made = Lab(server, "registries")
    for name in ("box", "other"):
        made.begin([SSH_RULE], name, user_data=WITH_DOCKER)
    made.azure.advance(600)
    return made


@pytest.fixture(scope="module")
def registry(lab: Lab) -> RawRegistry:
    """A registry of their group."""
    shown = create_registry(lab.group, "waapool01")
    return RawRegistry(lab.azure, shown["properties"]["loginServer"])


def login(registry: RawRegistry) -> str:
    """Docker's login with a refresh token, as `az acr login` does it."""
    words = f"docker --config /tmp/waa login -u {TOKEN_USER} --password-stdin {registry.host}"
    return f"echo {registry.refresh_token()} | {words}"


def tamper(folder: Path, digits: str) -> int:
    """Replace content that is kept somewhere in a folder; how often it was found."""
    found = list(folder.rglob(f"{digits}/data"))
    for file in found:
        file.write_bytes(bytes(file.stat().st_size))
    return len(found)


async def test_image_goes_from_one_vm_to_another_by_a_registry(
    lab: Lab, registry: RawRegistry
) -> None:
    name = f"{registry.host}/waa/winarena"
    for box in ("box", "other"):
        assert "Login Succeeded" in await lab.run(login(registry), box)
    await lab.patiently(f"docker pull hello-world && docker tag hello-world {name}:1")
    out = await lab.patiently(f"docker --config /tmp/waa push {name}:1")
    digest = out.split("digest: ")[1].split()[0]
    stored = registry.call("GET", "/v2/waa/winarena/manifests/1")
    assert stored.headers["docker-content-digest"] == digest
    await lab.patiently(f"docker --config /tmp/waa pull {name}@{digest}", "other")
    form = "docker image inspect --format '{{json .RepoDigests}}' " + f"{name}@{digest}"
    assert json.loads(await lab.run(form, "other")) == [f"{name}@{digest}"]


async def test_registry_refuses_who_has_no_token(lab: Lab, registry: RawRegistry) -> None:
    wrong = f"echo nonsense | docker login -u {TOKEN_USER} --password-stdin {registry.host}"
    with pytest.raises(asyncssh.ProcessError) as refused:
        await lab.run(wrong)
    place = f'Error response from daemon: Get "https://{registry.host}/v2/"'
    assert str(refused.value.stderr).startswith(f"{place}: {REFUSED}")
    with pytest.raises(asyncssh.ProcessError) as refused:
        await lab.patiently(f"docker pull {registry.host}/waa/winarena:1")
    assert REFUSED in str(refused.value.stderr)
    await lab.patiently(f"docker pull hello-world && docker tag hello-world {registry.host}/mine")
    with pytest.raises(asyncssh.ProcessError) as refused:
        await lab.patiently(f"docker push {registry.host}/mine")
    assert str(refused.value.stderr).startswith(REFUSED)


async def test_layer_that_was_tampered_with_is_refused(
    lab: Lab, registry: RawRegistry, server: Status
) -> None:
    name = f"{registry.host}/tampered"
    await lab.run(login(registry))
    await lab.patiently(f"docker pull alpine && docker tag alpine {name}")
    await lab.patiently(f"docker --config /tmp/waa push {name}")
    manifest = registry.call("GET", "/v2/tampered/manifests/latest").json()
    digits = manifest["layers"][0]["digest"].removeprefix("sha256:")
    assert tamper(Path(server.state_dir), digits) == 1
    await lab.run(login(registry), "other")
    with pytest.raises(asyncssh.ProcessError) as refused:
        await lab.patiently(f"docker --config /tmp/waa pull {name}", "other")
    words = "filesystem layer verification failed for digest sha256:"
    assert str(refused.value.stderr).startswith(words)
    with pytest.raises(asyncssh.ProcessError):
        await lab.run(f"docker image inspect {name}", "other")
