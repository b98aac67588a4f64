"""The real az with container registries: what a user types, sees and gets as exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from az_cli import Result, World
from raw_registry import RawRegistry, create_registry, make_image

pytestmark = pytest.mark.az
NAME = "azregistry01"
READS = {
    "list": "acr list -o table",
    "show": f"acr show -n {NAME}",
    "taken": f"acr check-name -n {NAME}",
    "free": "acr check-name -n otherregistry01",
    "usage": f"acr show-usage -n {NAME}",
    "credentials": f"acr credential show -n {NAME}",
    "token": f"acr login -n {NAME} --expose-token",
    "repositories": f"acr repository list -n {NAME}",
    "repository": f"acr repository show -n {NAME} --repository some/app",
    "image": f"acr repository show -n {NAME} --image some/app:v1",
    "tags": f"acr repository show-tags -n {NAME} --repository some/app --orderby time_desc",
    "details": f"acr repository show-tags -n {NAME} --repository some/app --detail",
    "manifests": f"acr repository show-manifests -n {NAME} --repository some/app",
    "metadata": f"acr manifest list-metadata -r {NAME} -n some/app",
    "no repository": f"acr repository show-tags -n {NAME} --repository none",
}


@pytest.fixture(scope="module")
def registry(world: World) -> RawRegistry:
    """A registry with two images."""
    shown = create_registry(world.group, NAME)
    registry = RawRegistry(world.azure, shown["properties"]["loginServer"])
    registry.push("some/app", "v1", make_image("one"))
    registry.push("some/app", "v2", make_image("two"))
    return registry


@pytest.fixture(scope="module")
def seen(world: World, registry: RawRegistry) -> dict[str, Result]:
    """What every command that changes nothing says."""
    assert registry.host
    return dict(zip(READS, world.az.at_once(list(READS.values())), strict=True))


def test_acr_list_and_show_name_the_login_server(
    seen: dict[str, Result], registry: RawRegistry
) -> None:
    assert [NAME, "demo", "eastus", "Basic", registry.host] == seen["list"].rows[1][:5]
    shown = seen["show"].document
    assert (shown["loginServer"], shown["adminUserEnabled"]) == (registry.host, False)


def test_acr_check_name_knows_what_is_taken(seen: dict[str, Result]) -> None:
    assert seen["taken"].document["reason"] == "AlreadyExists"
    assert seen["free"].document["nameAvailable"] is True


def test_acr_show_usage_tells_the_size(seen: dict[str, Result]) -> None:
    [size] = [each for each in seen["usage"].document["value"] if each["name"] == "Size"]
    assert size["limit"] == 10 << 30


def test_acr_credential_show_says_that_the_admin_user_is_disabled(
    seen: dict[str, Result],
) -> None:
    assert seen["credentials"].code == 1
    assert "--admin-enabled true' to enable admin first" in seen["credentials"].err


def test_acr_login_gives_a_token_that_opens_the_registry(
    seen: dict[str, Result], registry: RawRegistry
) -> None:
    given: dict[str, Any] = seen["token"].document
    assert given["loginServer"] == registry.host
    assert given["username"] == "00000000-0000-0000-0000-000000000000"
    answer = registry.ask_token("repository:some/app:pull", given["refreshToken"])
    assert answer.status_code == 200


def test_acr_repository_lists_repositories_tags_and_manifests(
    seen: dict[str, Result],
) -> None:
    assert "some/app" in seen["repositories"].document
    assert seen["tags"].document == ["v2", "v1"]
    digests = {make_image("one").digest: ["v1"], make_image("two").digest: ["v2"]}
    listed = seen["manifests"].document
    assert {each["digest"]: each["tags"] for each in listed} == digests
    assert {each["digest"] for each in seen["metadata"].document} == set(digests)
    assert [each["digest"] for each in seen["details"].document] == list(digests)


def test_acr_repository_show_tells_about_repository_and_tag(seen: dict[str, Result]) -> None:
    shown = seen["repository"].document
    assert (shown["manifestCount"], shown["tagCount"]) == (2, 2)
    assert seen["image"].document["digest"] == make_image("one").digest


def test_a_repository_that_is_not_there_is_named(seen: dict[str, Result]) -> None:
    assert seen["no repository"].code == 1
    assert "repository name not known to registry" in seen["no repository"].err


def test_a_registry_is_created_filled_changed_emptied_and_deleted(world: World) -> None:
    az = world.az
    made = az.run("acr", "create", "-n", "azmade01", "-g", "demo", "--sku", "Basic").document
    assert made["provisioningState"] == "Succeeded"
    registry = RawRegistry(world.azure, made["loginServer"])
    registry.push("app", "v1", make_image("one"))
    registry.push("app", "v2", make_image("two"))
    changed = az.run("acr", "update", "-n", "azmade01", "--sku", "Standard", "--tags", "a=b")
    assert (changed.document["sku"]["name"], changed.document["tags"]) == ("Standard", {"a": "b"})
    untag = az.run("acr", "repository", "untag", "-n", "azmade01", "--image", "app:v1")
    assert untag.code == 0, untag.err
    assert registry.call("GET", "/v2/app/tags/list").json()["tags"] == ["v2"]
    gone = az.run("acr", "repository", "delete", "-n", "azmade01", "--image", "app:v2", "--yes")
    assert gone.code == 0, gone.err
    emptied = az.run("acr", "repository", "delete", "-n", "azmade01", "--repository", "app", "-y")
    assert emptied.code == 0, emptied.err
    assert registry.call("GET", "/v2/_catalog").json()["repositories"] == []
    deleted = az.run("acr", "delete", "-n", "azmade01", "--yes")
    assert deleted.code == 0, deleted.err
    assert az.run("acr", "show", "-n", "azmade01", "-g", "demo").code == 3


def test_acr_build_uploads_streams_its_log_and_tags_the_image(
    world: World, registry: RawRegistry, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM alpine:3\nCOPY a.txt /\n")
    (tmp_path / "a.txt").write_text("a")
    built = world.az.run("acr", "build", "-r", NAME, "-t", "built:v1", str(tmp_path))
    assert built.code == 0, built.err
    assert "COPY a.txt /" in built.out
    assert registry.call("GET", "/v2/built/tags/list").json()["tags"] == ["v1"]


def test_acr_build_of_a_broken_dockerfile_fails_and_says_why(
    world: World, registry: RawRegistry, tmp_path: Path
) -> None:
    assert registry.host
    (tmp_path / "Dockerfile").write_text("FROM alpine:3\nCOPY gone /\n")
    built = world.az.run("acr", "build", "-r", NAME, "-t", "broken:v1", str(tmp_path))
    assert built.code == 1
    assert '"/gone": not found' in built.out
    assert "Run failed" in built.err
